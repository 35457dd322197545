package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) recoveryTestCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "test", Short: a.say("cmd.recovery.test"), Long: a.say("cmd.recovery.test") + "\n\n" + a.say("cmd.recovery.test.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.recoveryTest(c.Context(), p) },
	}
	p.flags(a, c)
	c.Flag("identity").Usage = a.say("flag.identity_test")
	return c
}

type provenJSON struct {
	Device   string `json:"device"`
	Sequence uint64 `json:"sequence"` // 0: it has made no backup yet
	Time     string `json:"time,omitempty"`
	Files    uint64 `json:"files"`
	Read     int    `json:"read"` // bytes of one file, read back and proven
	Proven   bool   `json:"proven"`
	Reason   string `json:"reason,omitempty"`
}

type recoveryTestJSON struct {
	Remote  string       `json:"remote"`
	Words   string       `json:"words,omitempty"` // left out for a key that was replaced: they are others now
	Devices []provenJSON `json:"devices"`
	Noted   bool         `json:"noted"` // this device's status reminds no more
	Alarms  []alarm      `json:"alarms"`
}

// recoveryTest proves that the key on the sheet brings the chats back. The key
// is only in memory, and so is what it opens; what stays on a device of the
// repository is that it was tested, and when.
func (a *app) recoveryTest(ctx context.Context, p place) error {
	where, err := a.target(p.remote)
	if err != nil {
		return err
	}
	key, err := a.keyToTest(ctx, p)
	if err != nil {
		return err
	}
	r, err := a.openBare(ctx, where, key)
	if err != nil {
		return err
	}
	defer r.Close()
	doc := recoveryTestJSON{Remote: r.Remote().String(), Devices: []provenJSON{}}
	a.tell("recovery.test.opens", "remote", printable(doc.Remote))
	good := !hint.Is(r.MayChange(), repo.CodeReplaced)
	if good {
		doc.Words = a.wordsOf(r.Words())
		a.tell("recovery.test.words")
		a.printf("\n  %s\n\n", doc.Words)
	}
	for _, d := range r.Devices() {
		out, err := a.testDevice(ctx, r, d)
		if err != nil {
			return err
		}
		doc.Devices = append(doc.Devices, out)
		good = good && out.Proven
	}
	if doc.Alarms = a.alarms(withReplaced(r)); len(doc.Alarms) > 0 {
		good = false
	}
	if good {
		doc.Noted, err = a.noteTested(r)
		if err != nil {
			return err
		}
		a.printf("\n")
		a.tell("recovery.test.done")
	}
	return a.document(doc)
}

// withReplaced are the alarms, with that of a key that was replaced even where no
// backup was made since which it can't open.
func withReplaced(r *repo.Repo) []repo.Alarm {
	list := r.Alarms()
	told := slices.ContainsFunc(list, func(x repo.Alarm) bool { return x.Code == repo.CodeReplaced })
	if told || !hint.Is(r.MayChange(), repo.CodeReplaced) {
		return list
	}
	return append(list, repo.Alarm{Code: repo.CodeReplaced, Err: errors.New("another key counts now")})
}

// keyToTest reads the key from --identity, a pipe or the terminal. There it is
// not shown: what a terminal shows it may keep.
func (a *app) keyToTest(ctx context.Context, p place) (*crypto.Identity, error) {
	if p.identity == "" && !term.IsTerminal(int(os.Stdin.Fd())) {
		p.identity = "-"
	}
	if p.identity != "" {
		return a.readIdentity(ctx, p.identity, p.unlock)
	}
	ask := a.asker()
	a.speak("recovery.test.type")
	for n := 1; ; n++ {
		id, err := a.typedKey(ctx, ask)
		if err == nil || n == tries || ctx.Err() != nil {
			return id, err
		}
		_, text, advice := a.explain(err)
		a.complain(text, advice)
	}
}

// typedKey asks for row after row until the key is complete or a row empty.
func (a *app) typedKey(ctx context.Context, ask askPerson) (*crypto.Identity, error) {
	var file keyFile
	for row := 1; ; row++ {
		line, err := ask(ctx, signin.Question{Key: "recovery.test.ask", Flag: "--identity", Secret: true})
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(line) == "" {
			break
		}
		file.lines = append(file.lines, strings.ToUpper(line))
		have := len(tidyKey(strings.Join(file.lines, "")))
		if have >= keyLength {
			break
		}
		a.speak("recovery.test.so_far", "have", have, "want", keyLength)
	}
	id, err := file.identity()
	return id, atKey(a.say("recovery.test.typed"), err)
}

// testDevice proves the newest snapshot of one device. What is damaged is told
// and is no error.
func (a *app) testDevice(ctx context.Context, r *repo.Repo, d format.Device) (provenJSON, error) {
	out := provenJSON{Device: r.DeviceName(d.ID)}
	s, err := r.Head(ctx, d.ID)
	if err != nil {
		return out, err
	}
	if s == nil {
		out.Proven = true // there is nothing; what can't be proven is an alarm
		a.detail("recovery.test.nothing", "device", printable(out.Device))
		return out, nil
	}
	out.Sequence, out.Time, out.Files = s.Seq, stamp(s.Time), s.Counts.Files
	out.Read, err = proveSnapshot(ctx, r, s)
	if repo.Damage(err) {
		a.raise(exitIntegrity)
		out.Reason = printable(fmt.Sprint(err))
		a.detail("recovery.test.damaged", "device", printable(out.Device), "seq", s.Seq, "cause", out.Reason)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Proven = true
	a.detail("recovery.test.proven", "device", printable(out.Device), "seq", s.Seq, "time", clock(s.Time), "files", a.filesText(s.Counts.Files), "bytes", size(uint64(out.Read)))
	return out, nil
}
