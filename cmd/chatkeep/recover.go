package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

type recoverFlags struct {
	homeFlags
	identity string
	unlock   keyUnlock
	lost     []string
	yes      bool
}

// The words of --lost besides names.
const (
	lostAll  = "all"
	lostNone = "none"
)

func (a *app) recoverCommand() *cobra.Command {
	var f recoverFlags
	c := &cobra.Command{
		Use: "recover", Short: a.say("cmd.recover"), Long: a.say("cmd.recover") + "\n\n" + a.say("cmd.recover.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.recover(c.Context(), f) },
	}
	c.Flags().StringVar(&f.identity, "identity", "", a.say("flag.identity_recover"))
	f.unlock.flags(a, c)
	f.flags(a, c)
	c.Flags().StringArrayVar(&f.lost, "lost", nil, a.say("flag.lost"))
	c.Flags().BoolVar(&f.yes, "yes", false, a.say("flag.recover_yes"))
	return c
}

type recoverJSON struct {
	Name    string       `json:"name"`
	Role    string       `json:"role"`
	Revoked []string     `json:"revoked"` // names of the lost ones
	Devices []memberJSON `json:"devices"` // as they were before
	Remote  string       `json:"remote"`
	Config  string       `json:"config"`
	Alarms  []alarm      `json:"alarms"`
}

// recover makes this computer a member with nothing but the recovery key, which
// it doesn't keep, and shuts the lost devices out.
func (a *app) recover(ctx context.Context, f recoverFlags) error {
	put := a.asker()
	if f.identity == "" {
		path, err := put(ctx, signin.Question{Key: "recover.ask_identity", Flag: "--identity"})
		if err != nil {
			return err
		}
		f.identity = strings.TrimSpace(path)
	}
	h, err := a.openHome(ctx, f.homeFlags)
	if err != nil {
		return err
	}
	defer h.close()
	key, err := a.readIdentity(ctx, f.identity, f.unlock)
	if err != nil {
		return err
	}
	bare, err := repo.Open(ctx, h.remote, repo.Options{Recovery: key})
	if err != nil {
		return err
	}
	if err := bare.MayChange(); err != nil {
		return err
	}
	list, err := members(ctx, bare)
	if err != nil {
		return err
	}
	a.tellMembers(list)
	lost, err := a.lostDevices(ctx, list, f, put)
	if err != nil {
		return err
	}
	doc := recoverJSON{Revoked: []string{}, Devices: list, Remote: h.remote.String(), Config: h.path}
	o := repo.RecoverOptions{State: h.state, Cache: h.cache, Name: h.name(f.homeFlags), Client: client()}
	if f.name == "" {
		o.Name = freeName(o.Name, list)
		h.callIt(o.Name)
	}
	for _, m := range lost {
		id, err := format.ParseDeviceID(m.ID)
		if err != nil {
			return err
		}
		o.Lost, doc.Revoked = append(o.Lost, id), append(doc.Revoked, m.Name)
	}
	if err := a.writeHome(h); err != nil { // first: a member is not recovered again
		return err
	}
	r, err := repo.Recover(ctx, bare, o)
	if err != nil {
		return err
	}
	d := r.Device()
	if d == nil { // somebody changed the list of devices at the same moment
		a.alarms(r.Alarms())
		return hint.New(repo.CodeRevoked, fmt.Errorf("recover %s: this device is not in the list of devices", doc.Remote))
	}
	doc.Name, doc.Role = r.DeviceName(d.ID), d.Role.String()
	a.tellRecovered(h, &doc, f.identity)
	doc.Alarms = a.alarms(r.Alarms())
	return a.document(doc)
}

// freeName is a name that no device has or had: the one that is wanted, or that
// with a number. Of a computer that was set up anew the name is often taken.
func freeName(name string, list []memberJSON) string {
	free := name
	taken := func(m memberJSON) bool { return strings.EqualFold(m.Name, free) }
	for n := 2; slices.ContainsFunc(list, taken); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

func (a *app) tellRecovered(h *home, doc *recoverJSON, identity string) {
	a.tell("recover.done", "remote", printable(doc.Remote), "name", printable(doc.Name))
	if len(doc.Revoked) > 0 {
		a.tell("device.revoke.done", "names", printables(doc.Revoked))
		a.tellCloudAccess()
		a.printf("\n")
	}
	a.tellNext(format.Full, len(h.Sources) > 0, h.path)
	if identity != "-" {
		a.detail("recover.key", "path", printable(identity))
	}
}

// lostDevices are the members that the person says are lost. On a terminal, and
// with --yes, those are all if nobody says otherwise.
func (a *app) lostDevices(ctx context.Context, list []memberJSON, f recoverFlags, put askPerson) ([]memberJSON, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(m memberJSON) bool { return m.Revoked })
	named := f.lost
	if len(named) == 0 && f.yes || len(list) == 0 {
		return list, nil
	}
	if len(named) > 0 {
		return a.namedMembers(list, named)
	}
	for {
		answer, err := put(ctx, lostQuestion(list))
		if err != nil {
			return nil, err
		}
		if named = strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune(" ,，、", r) }); len(named) == 0 {
			named = []string{lostAll}
		}
		found, err := a.namedMembers(list, byNumber(list, named))
		if err == nil {
			return found, nil
		}
		_, text, advice := a.explain(err) // a typo
		a.complain(text, advice)
	}
}

func lostQuestion(list []memberJSON) signin.Question {
	q := signin.Question{Key: "recover.ask_lost", Flag: "--lost"}
	for i, m := range list {
		q.Choices = append(q.Choices, signin.Choice{ID: strconv.Itoa(i + 1), Text: m.Name})
	}
	return q
}

// byNumber turns the numbers of a list into names.
func byNumber(list []memberJSON, answers []string) []string {
	named := slices.Clone(answers)
	for i, text := range named {
		taken := slices.ContainsFunc(list, func(m memberJSON) bool { return m.Name == text })
		if n, err := strconv.Atoi(text); err == nil && !taken && n >= 1 && n <= len(list) {
			named[i] = list[n-1].Name
		}
	}
	return named
}

// namedMembers are those of the list that are named, or all, or none.
func (a *app) namedMembers(list []memberJSON, named []string) ([]memberJSON, error) {
	if len(named) == 1 && strings.EqualFold(named[0], lostAll) {
		return list, nil
	}
	if len(named) == 1 && strings.EqualFold(named[0], lostNone) {
		return nil, nil
	}
	var found []memberJSON
	for _, name := range named {
		i := slices.IndexFunc(list, func(m memberJSON) bool { return m.Name == name || m.ID == name })
		if i < 0 {
			return nil, hint.New(repo.CodeNoDevice, fmt.Errorf("recover: no device is called %q", name), "device", name)
		}
		found = append(found, list[i])
	}
	return found, nil
}
