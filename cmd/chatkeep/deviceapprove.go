package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

type approveFlags struct {
	place
	words string
	role  string
	yes   bool
	wait  time.Duration
}

func (a *app) deviceApproveCommand() *cobra.Command {
	var f approveFlags
	name := a.say("arg.name")
	c := &cobra.Command{
		Use: "approve " + name, Short: a.say("cmd.device.approve"), Long: a.say("cmd.device.approve") + "\n\n" + a.say("cmd.device.approve.more"), Args: a.exactly(name),
		RunE: func(c *cobra.Command, args []string) error { return a.deviceApprove(c.Context(), args[0], f) },
	}
	f.signFlags(a, c)
	c.Flags().StringVar(&f.words, "words", "", a.say("flag.approve_words"))
	c.Flags().StringVar(&f.role, "role", "", a.say("flag.approve_role"))
	c.Flags().BoolVar(&f.yes, "yes", false, a.say("flag.yes"))
	a.waitFlag(c, &f.wait, a.say("flag.approve_wait"))
	return c
}

type approveJSON struct {
	Name   string  `json:"name"`
	Device string  `json:"device"` // its id
	Role   string  `json:"role"`
	Asked  string  `json:"asked"`       // the role it asked for
	Words  string  `json:"words"`       // its own
	Other  string  `json:"other_words"` // the same in the other language
	Alarms []alarm `json:"alarms"`
}

// deviceApprove lets a device in whose words the person has seen on it.
func (a *app) deviceApprove(ctx context.Context, name string, f approveFlags) error {
	if err := a.checkDeviceName(name); err != nil {
		return err
	}
	var typed *crypto.Fingerprint
	if f.words != "" {
		fp, err := fingerprintOf(f.words)
		if err != nil {
			return err
		}
		typed = &fp
	}
	var role format.Role
	if f.role != "" {
		var err error
		if role, err = a.roleNamed(f.role); err != nil {
			return err
		}
	}
	put := a.asker()
	o, q, err := a.awaitRequest(ctx, f, put, typed)
	if err != nil {
		return err
	}
	defer o.Close()
	if role == 0 {
		role = q.Role
	}
	ask := typed == nil && !f.yes // who typed the words has seen them there
	a.beforeAsking(ask).asking(q, name, role)
	if ask {
		if err := a.agreeTo(ctx, put, signin.Question{Key: "device.approve.ask", Flag: a.say("device.approve.flag")}); err != nil {
			return err
		}
	}
	if err := o.Admit(ctx, q, name, role); err != nil {
		return err
	}
	words, other := a.bothWordsOf(q.Fingerprint())
	a.tell("device.approve.done", "name", name, "may", a.say("device.may."+role.String()))
	return a.document(approveJSON{Name: name, Device: q.Device.String(), Role: role.String(), Asked: q.Role.String(),
		Words: words, Other: other, Alarms: a.alarms(o.Alarms())})
}

// asking shows who asks to be let in.
func (v voice) asking(q *repo.Request, name string, role format.Role) {
	words, other := v.bothWordsOf(q.Fingerprint())
	v.tell("device.approve.asks", "words", words, "other", other, "time", clock(q.Time.UnixNano()))
	v.line()
	if role == q.Role {
		v.tell("device.approve.as", "name", name, "role", v.roleText(role))
	} else {
		v.tell("device.approve.as_other", "name", name, "role", v.roleText(role), "asked", v.roleText(q.Role))
	}
}

// awaitRequest returns the request that is meant, once it is there: that of the
// words, the only one, or the one that the person chooses. While it waits it
// keeps nobody from making backups here.
func (a *app) awaitRequest(ctx context.Context, f approveFlags, put askPerson, typed *crypto.Fingerprint) (o *opened, q *repo.Request, err error) {
	look := func() (err error) {
		if o == nil {
			if o, err = a.openToChange(ctx, f.place); err != nil {
				return err
			}
		}
		q, err = a.chosenRequest(ctx, o, put, typed)
		return err
	}
	waiting, told := f.wait > 0, false
	var none error // why there is none yet
	done, err := a.awaitOther(ctx, f.wait, func() (bool, error) {
		err := look()
		none = nil
		if !hint.Is(err, repo.CodeNoRequest) && !(waiting && hint.Is(err, repo.CodeLocked)) {
			return err == nil, err
		}
		if none = err; waiting && !told {
			a.note("device.approve.waiting")
			told = true
		}
		if !waiting || o == nil || o.state == nil {
			return false, nil
		}
		err, o = o.Close(), nil
		return false, err
	})
	if done {
		return o, q, nil
	}
	if err == nil {
		err = none
	}
	if o != nil {
		a.alarms(o.Alarms())
		err = errors.Join(err, o.Close())
	}
	return nil, nil, err
}

func (a *app) chosenRequest(ctx context.Context, o *opened, put askPerson, typed *crypto.Fingerprint) (*repo.Request, error) {
	if typed != nil && *typed == o.Words() {
		return nil, hint.New("words_repository", errors.New("approve: these words prove nothing about a device"))
	}
	if typed != nil {
		return o.RequestWith(ctx, *typed)
	}
	list, refused, err := o.Requests(ctx)
	if err != nil {
		return nil, err
	}
	switch len(list) {
	case 0:
		return nil, hint.New(repo.CodeNoRequest, fmt.Errorf("approve: no device asks to join at %s; %d requests do not count", o.Remote(), refused))
	case 1:
		return list[0], nil
	}
	return a.chooseRequest(ctx, list, put)
}

// requestText is a request in one line.
func (a *app) requestText(q *repo.Request) string {
	words, other := a.bothWordsOf(q.Fingerprint())
	return a.say("device.approve.choice", "words", words, "other", other, "role", a.roleText(q.Role), "time", clock(q.Time.UnixNano()))
}

// chooseRequest lets the person choose by the words on the new device.
func (a *app) chooseRequest(ctx context.Context, list []*repo.Request, put askPerson) (*repo.Request, error) {
	question := signin.Question{Key: "device.approve.which", Flag: "--words"}
	for _, q := range list {
		question.Choices = append(question.Choices, signin.Choice{ID: q.Device.String(), Text: a.requestText(q)})
	}
	answer, err := put(ctx, question)
	if err != nil {
		return nil, err
	}
	for _, q := range list {
		if answer == q.Device.String() {
			return q, nil
		}
	}
	return nil, hint.New("declined", errors.New("none of the requests was chosen"))
}
