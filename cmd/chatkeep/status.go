package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
	"github.com/chatkeep/chatkeep/sources"
)

func (a *app) statusCommand() *cobra.Command {
	var age time.Duration
	c := &cobra.Command{
		Use: "status", Short: a.say("cmd.status"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.status(c.Context(), age) },
	}
	c.Flags().DurationVar(&age, "max-age", 0, a.say("flag.max_age"))
	return c
}

type lastJSON struct {
	Backup string `json:"backup,omitempty"`
}

type problemJSON struct {
	Code string `json:"code"`
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
	Hint string `json:"hint"`
}

type statusJSON struct {
	Device          string        `json:"device"`
	BackedUpThrough string        `json:"backed_up_through"`
	Partial         bool          `json:"partial"`
	Last            lastJSON      `json:"last"`
	Remote          remoteJSON    `json:"remote"`
	Problems        []problemJSON `json:"problems"`
}

// status says whether this device's chats are safe.
func (a *app) status(ctx context.Context, maxAge time.Duration) error {
	o, s, err := a.openOwn(ctx, hurried)
	if where := a.contact.target; where != nil && ctx.Err() == nil && (isRemoteTrouble(err) || a.isAway(where, err)) {
		return a.statusWithout(where, err)
	}
	if err != nil {
		return err
	}
	defer o.Close()
	d := statusJSON{Device: o.Device().Name, Problems: []problemJSON{}}
	if s == nil && a.onlyReads(o) {
		a.tell("status.only_reads")
	} else if s == nil {
		a.tell("status.never")
		a.raise(exitFailed)
	} else if err := a.tellStatus(ctx, o, s, &d); err != nil {
		return err
	}
	if o.Device().Revoked {
		a.shutOut(&d)
	}
	if maxAge > 0 && s != nil && time.Since(time.Unix(0, s.Time)) > maxAge {
		a.raise(exitFailed)
	}
	a.statusOfRemote(o, &d)
	a.remindOfTest(o.Repo, &d)
	alarms := o.Alarms()
	if o.Device().Revoked { // that was said above
		alarms = slices.DeleteFunc(alarms, func(x repo.Alarm) bool { return x.Code == repo.CodeRevoked })
	}
	for _, x := range a.alarms(alarms) {
		d.Problems = append(d.Problems, problemJSON{x.Code, x.Object, x.Text, x.Hint})
	}
	return a.document(d)
}

// shutOut says that nothing this device does is taken any more.
func (a *app) shutOut(d *statusJSON) {
	code, text, advice := a.explain(hint.New(repo.CodeRevoked, errors.New("look: this device was shut out of the repository")))
	d.Problems = append(d.Problems, problemJSON{Code: string(code), Text: text, Hint: advice})
	a.raise(exitFailed)
	a.detail("status.trouble", "text", text)
	a.detail("prefix.hint", "text", advice)
}

// onlyReads reports whether this device is not meant to back anything up.
func (a *app) onlyReads(o *opened) bool {
	cfg, err := a.loadConfig()
	return o.Device().Role == format.ReadOnly || err == nil && len(cfg.Sources) == 0
}

// openOwn opens the repository as this device, with its newest snapshot, nil if
// it has none.
func (a *app) openOwn(ctx context.Context, patience providers.RetryOptions) (*opened, *repo.Snapshot, error) {
	o, err := a.open(ctx, place{patience: patience})
	if err != nil {
		return nil, nil, err
	}
	device := o.Device()
	if device == nil {
		err := hint.New("not_member", errors.New("look: this device is not in the repository"))
		return nil, nil, errors.Join(err, o.Close())
	}
	s, err := o.Head(ctx, device.ID)
	if err != nil {
		return nil, nil, errors.Join(err, o.Close())
	}
	return o, s, nil
}

func (a *app) tellStatus(ctx context.Context, o *opened, s *repo.Snapshot, d *statusJSON) error {
	d.BackedUpThrough, d.Last.Backup, d.Partial = stamp(s.Time), stamp(s.Finished), s.Partial
	root, err := o.RootOf(ctx, s)
	if err != nil {
		return err
	}
	a.contact.last = lastOf(d.Device, s)
	if root != nil && len(root.Skipped) > 0 || s.Counts.Skipped > 0 {
		a.tell("status.through_but", "time", clock(s.Time))
	} else {
		a.tell("status.through", "time", clock(s.Time))
	}
	if s.Partial {
		a.tell("status.partial")
	}
	if root == nil && s.Counts.Flagged+s.Counts.Skipped > 0 {
		a.tell("status.unnamed", "count", s.Counts.Flagged+s.Counts.Skipped)
		a.raise(exitRemarks)
		return nil
	}
	if root == nil {
		return nil
	}
	for _, m := range append(root.Flagged, root.Skipped...) {
		a.problem(d, m)
	}
	return nil
}

// problem tells one remark of the newest snapshot.
func (a *app) problem(d *statusJSON, m format.Remark) {
	p := problemJSON{Code: m.Reason, Path: escape(m.Source + "/" + m.Path), Text: a.say("reason." + m.Reason)}
	switch m.Reason {
	case snapshot.ReasonShrunk, snapshot.ReasonShrunkCategory:
		p.Hint = a.say("status.shrunk")
	}
	d.Problems = append(d.Problems, p)
	if m.Reason != string(sources.Waiting) { // that mends itself
		a.raise(exitRemarks)
	}
	a.detail("status.problem", "path", printable(m.Source+"/"+m.Path), "text", p.Text)
	if p.Hint != "" {
		a.detail("prefix.hint", "text", p.Hint)
	}
}

// shrunkIn lists what a snapshot flags as shrunk, as far as this device can
// read it.
func (a *app) shrunkIn(ctx context.Context, o *opened, s *repo.Snapshot) (list []format.Remark, err error) {
	root, err := o.RootOf(ctx, s)
	if root == nil || err != nil {
		return nil, err
	}
	for _, m := range root.Flagged {
		if m.Reason == snapshot.ReasonShrunk || m.Reason == snapshot.ReasonShrunkCategory {
			list = append(list, m)
		}
	}
	return list, nil
}
