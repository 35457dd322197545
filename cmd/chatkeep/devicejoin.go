package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

type joinFlags struct {
	homeFlags
	role  string
	words string
	wait  time.Duration
	qr    bool
}

func (a *app) deviceJoinCommand() *cobra.Command {
	var f joinFlags
	c := &cobra.Command{
		Use: "join", Short: a.say("cmd.device.join"), Long: a.say("cmd.device.join") + "\n\n" + a.say("cmd.device.join.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.deviceJoin(c.Context(), f) },
	}
	f.flags(a, c)
	c.Flags().StringVar(&f.role, "role", "", a.say("flag.join_role"))
	c.Flags().StringVar(&f.words, "words", "", a.say("flag.join_words"))
	a.waitFlag(c, &f.wait, a.say("flag.join_wait"))
	c.Flags().BoolVar(&f.qr, "qr", false, a.say("flag.join_qr"))
	return c
}

// joinJSON tells how far joining came: words_needed as long as the words of the
// repository are not known, waiting until another device approves, joined.
type joinJSON struct {
	State   string  `json:"state"`
	Name    string  `json:"name"` // once joined that which was approved
	Role    string  `json:"role"`
	Words   string  `json:"words,omitempty"`       // this device's own, while it is no member
	Other   string  `json:"other_words,omitempty"` // the same in the other language
	Approve string  `json:"approve,omitempty"`     // what to run on a member
	Expires string  `json:"expires,omitempty"`     // the request
	Remote  string  `json:"remote"`
	Config  string  `json:"config"`
	Alarms  []alarm `json:"alarms"`
}

// joining is one run of device join.
type joining struct {
	*home
	flags joinFlags
	opt   repo.JoinOptions
	*repo.Joining
	doc joinJSON
}

// deviceJoin asks to become a member, and becomes it once it is approved. It
// may be stopped and run again at any time.
func (a *app) deviceJoin(ctx context.Context, f joinFlags) error {
	var typed *crypto.Fingerprint
	if f.words != "" { // a typo is said before anything is made
		fp, err := fingerprintOf(f.words)
		if err != nil {
			return err
		}
		typed = &fp
	}
	role, err := a.joinRole(f)
	if err != nil {
		return err
	}
	h, err := a.openHome(ctx, f.homeFlags)
	if hint.Is(err, repo.CodeMember) {
		return a.joinedBefore(ctx, f, typed, err)
	}
	if err != nil {
		return err
	}
	defer h.close()
	j := &joining{home: h, flags: f, opt: repo.JoinOptions{State: h.state, Cache: h.cache, Role: role, Client: client()}}
	if done, err := a.approvedBefore(ctx, j, typed); done || err != nil {
		return err
	}
	if err := a.request(ctx, j); err != nil {
		return err
	}
	if typed == nil && !j.HasWords() {
		if typed, err = a.wordsFromPerson(ctx, j.Fingerprint()); err != nil {
			return err
		}
	}
	if typed != nil {
		if err := pinWords(h.state, *typed, j.Fingerprint()); err != nil {
			return err
		}
	} else if !j.HasWords() {
		j.doc.State = "words_needed"
		a.raise(exitRemarks)
		a.printf("\n")
		a.tell("device.join.words_needed")
		return a.document(j.doc)
	}
	return a.finish(ctx, j)
}

// approvedBefore looks whether somebody has approved an earlier request, and
// becomes a member then. Nothing is left at the repository for that.
func (a *app) approvedBefore(ctx context.Context, j *joining, typed *crypto.Fingerprint) (bool, error) {
	old, err := j.state.Joining()
	if err != nil || old == nil || typed == nil && !old.HasWords() {
		return false, err
	}
	if typed != nil {
		if err := pinWords(j.state, *typed, old.Fingerprint()); err != nil {
			return false, err
		}
	}
	r, err := repo.FinishJoin(ctx, j.remote, j.opt)
	if hint.Is(err, repo.CodeNotApproved) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, a.tellJoined(j, r)
}

// joinRole is the role that is asked for; 0 if the flags say nothing of it.
func (a *app) joinRole(f joinFlags) (format.Role, error) {
	if f.role == "" {
		return 0, nil
	}
	role, err := a.roleNamed(f.role)
	if err == nil && role == format.ReadOnly && f.backsUp() {
		err = usageError(errors.New(a.say("usage.read_only_sources")))
	}
	return role, err
}

// request leaves the request, or the same one again, and says what to do with
// it on another device.
func (a *app) request(ctx context.Context, j *joining) error {
	old, err := j.state.Joining()
	if err != nil {
		return err
	}
	if j.opt.Role == 0 {
		j.opt.Role = format.Full
		if old != nil {
			j.opt.Role = old.Role()
		}
	}
	if j.Joining, err = repo.Join(ctx, j.remote, j.opt); err != nil {
		return err
	}
	if err := a.writeHome(j.home); err != nil {
		return err
	}
	own, other := a.bothWordsOf(j.Fingerprint())
	name := j.name(j.flags.homeFlags)
	j.doc = joinJSON{State: "waiting", Name: name, Role: j.Role().String(), Words: own, Other: other, Approve: a.say("device.join.command", "name", name, "words", own),
		Expires: j.Expires().UTC().Format(time.RFC3339), Remote: j.home.remote.String(), Config: j.path, Alarms: []alarm{}}
	a.tellRequest(j)
	return nil
}

// tellRequest shows this device's words. They go to stderr where the one
// document comes only after a wait.
func (a *app) tellRequest(j *joining) {
	v := voice{a, a.json && j.flags.wait > 0}
	v.tell("device.join.own", "remote", j.doc.Remote, "role", a.roleText(j.Role()), "words", j.doc.Words, "other", j.doc.Other)
	v.line()
	if j.flags.qr || a.onTerminal() {
		a.printf("%s\n", qrTerminal(j.doc.Approve))
	}
	v.tell("device.join.approve", "command", j.doc.Approve, "time", j.Expires().Local().Format("2006-01-02 15:04"))
}

// onTerminal reports whether a person sees the results.
func (a *app) onTerminal() bool {
	f, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// finish becomes a member if the request is approved, or waits for that.
func (a *app) finish(ctx context.Context, j *joining) error {
	var r *repo.Repo
	var pending error
	if j.flags.wait > 0 {
		a.note("device.join.waiting")
	}
	done, err := a.awaitOther(ctx, j.flags.wait, func() (bool, error) {
		var err error
		r, err = repo.FinishJoin(ctx, j.remote, j.opt)
		if pending = nil; hint.Is(err, repo.CodeNotApproved) {
			pending, err = err, nil
			return false, nil
		}
		return err == nil, err
	})
	switch {
	case err != nil:
		if ctx.Err() != nil {
			a.note("device.join.stays")
		}
		return err
	case done:
		return a.tellJoined(j, r)
	case j.flags.wait > 0:
		return pending
	}
	a.tell("device.join.run_again")
	return a.document(j.doc)
}
