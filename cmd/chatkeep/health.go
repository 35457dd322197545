package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
)

// health is what this device remembers of a remote, so that status can answer
// when the remote doesn't. It lies in the remote's home and holds no secret.
type health struct {
	Error *trouble    `json:"error,omitempty"`
	Last  *lastBackup `json:"last,omitempty"`
	Usage *lastUsage  `json:"usage,omitempty"`
}

// trouble is what went wrong, in no language.
type trouble = history.Trouble

// lastBackup is this device's newest snapshot.
type lastBackup struct {
	Device   string    `json:"device"`
	Through  time.Time `json:"through"` // everything before it is backed up
	Finished time.Time `json:"finished"`
	Partial  bool      `json:"partial,omitempty"`
	Skipped  bool      `json:"skipped,omitempty"` // something was left out
}

// lastUsage is what a remote said of its account when it was last asked.
type lastUsage struct {
	Account string    `json:"account,omitempty"` // not in full
	Used    int64     `json:"used"`
	Free    int64     `json:"free"`
	Time    time.Time `json:"time"`
}

// contact is what a command had to do with a remote.
type contact struct {
	target  *target          // nil if it asked none
	remote  providers.Remote // nil if it could not be opened
	stored  bool             // it took new objects
	trouble error            // what failed although the command went on
	last    *lastBackup
	usage   *lastUsage
}

// reach notes that a command turns to a remote.
func (a *app) reach(t target) target {
	t.opened = func(r providers.Remote) { a.contact.remote = r }
	a.contact.target = &t
	return t
}

// healthPath is where the health of a remote is kept.
func (a *app) healthPath(where config.Remote) (string, error) {
	home, err := remoteHomeIn(a.getenv, where)
	return filepath.Join(home, "health.json"), err
}

// healthOf returns what is remembered; of a file that is not there or damaged,
// nothing.
func (a *app) healthOf(where config.Remote) (h health) {
	path, err := a.healthPath(where)
	if err != nil {
		return h
	}
	b, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(b, &h) != nil {
		return health{}
	}
	if isOver(h.Error, time.Now()) {
		h.Error = nil
	}
	return h
}

// isOver reports whether midnight has ended the trouble.
func isOver(t *trouble, now time.Time) bool {
	return t != nil && t.Code == string(providers.HintDayLimit) && t.Time.Local().Format(time.DateOnly) != now.Local().Format(time.DateOnly)
}

// remember notes how a command that asked a remote ended.
func (a *app) remember(err error) {
	c := &a.contact
	if c.target == nil || errors.Is(err, context.Canceled) {
		return
	}
	if unsaved := a.unsaved(); c.trouble == nil {
		c.trouble = unsaved
	}
	h := a.healthOf(c.target.Remote)
	before, _ := json.Marshal(h)
	a.noteTrouble(&h, err)
	if c.last != nil {
		h.Last = c.last
	}
	if c.usage != nil {
		h.Usage = c.usage
	}
	if after, err := json.Marshal(h); err == nil && string(after) != string(before) {
		a.keepHealth(c.target.Remote, after)
	}
}

// noteTrouble takes in what failed, or what no longer does.
func (a *app) noteTrouble(h *health, err error) {
	failed := err
	if failed == nil {
		failed = a.contact.trouble
	}
	switch {
	case isRemoteTrouble(failed), h.Last != nil && hint.Is(failed, repo.CodeNotRepository):
		h.Error = troubleOf(failed)
	case err == nil && h.Error != nil && (a.contact.stored || !slices.Contains(writeTroubles, hint.Code(h.Error.Code))):
		h.Error = nil
	}
}

// writeTroubles are those that only a backup can prove to be over.
var writeTroubles = []hint.Code{
	providers.HintFull, providers.HintTooMany, providers.HintDayLimit, providers.HintPermission, providers.HintCorrupt, cloud.HintSignInNotSaved,
}

// isRemoteTrouble reports whether an error is the remote's or that of the way
// to it.
func isRemoteTrouble(err error) bool {
	for _, class := range []error{providers.ErrAuth, providers.ErrQuota, providers.ErrRate, providers.ErrLimit,
		providers.ErrTemporary, providers.ErrPermission, providers.ErrCorrupt, providers.ErrNotExist} {
		if errors.Is(err, class) && !errors.Is(err, repo.ErrIntegrity) {
			return true
		}
	}
	h := hint.Find(err)
	return h != nil && strings.HasPrefix(string(h.Code), "signin_")
}

func troubleOf(err error) *trouble { return history.TroubleOf(err, time.Now()) }

// explained says a remembered trouble in the user's language.
func (a *app) explained(t *trouble) (text, advice string) {
	args := a.readable(argsOf(t))
	return a.say("error."+t.Code, args) + " (" + printable(t.Text) + ")", a.say("hint."+t.Code, args)
}

// argsOf are the values of a trouble's sentences, as they were.
func argsOf(t *trouble) map[string]any {
	args := map[string]any{}
	for key, value := range maps.All(t.Args) {
		args[key] = value
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			args[key] = n
		}
	}
	return args
}

// keepHealth writes the file. A device that keeps nothing of its own gets no
// state folder by it, and one that can't write has other worries.
func (a *app) keepHealth(where config.Remote, text []byte) {
	state, err := config.StateDir(a.getenv)
	if err != nil {
		return
	}
	if _, err := os.Stat(state); err != nil {
		return
	}
	path, err := a.healthPath(where)
	if err == nil && durable.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = durable.WriteFile(path, append(text, '\n'), 0o600)
	}
}

// unsaved tells of a renewed sign-in that is only in memory.
func (a *app) unsaved() error {
	r, ok := a.contact.remote.(interface{ Unsaved() error })
	if !ok {
		return nil
	}
	err := r.Unsaved()
	if err != nil {
		a.raise(exitRemarks)
		if _, text, advice := a.explain(err); !a.json {
			a.complain(text, advice)
		}
	}
	return err
}

// masked leaves of an account what its owner recognises.
func masked(account string) string {
	name, host, ok := strings.Cut(account, "@")
	runes := []rune(name)
	short := string(runes[:min(2, len(runes))]) + "***"
	if ok {
		return short + "@" + host
	}
	if account == "" {
		return ""
	}
	return short
}
