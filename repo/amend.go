package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// amendment is a change of who belongs: rosters and key files in the order in
// which they are put. All are sealed before the first is, and kept in the state
// folder, so that a process that dies on the way leaves the rest to the next.
type amendment struct {
	repo    *Repo
	ring    *trust.Keyring // grows with new epochs
	tip     *trust.Roster  // the newest there will be
	who     trust.Signer
	time    int64
	objects []trust.Object
}

// amend reads the newest roster and begins a change.
func (r *Repo) amend(ctx context.Context) (*amendment, error) {
	if r.readsOnly != nil {
		return nil, r.readsOnly
	}
	if err := r.refresh(ctx); err != nil {
		return nil, err
	}
	if len(r.rosters.sides) > 1 {
		return nil, hint.New(CodeRosterForked, integrityError{fmt.Errorf("change the list of devices: %w", trust.ErrFork)})
	}
	return r.amendment()
}

func (r *Repo) amendment() (*amendment, error) {
	who, err := r.signer()
	if err != nil {
		return nil, err
	}
	return &amendment{repo: r, ring: r.ring.Copy(), tip: r.roster, who: who, time: now()}, nil
}

// MayChange says why this process may not change who belongs, nil if it may.
func (r *Repo) MayChange() error {
	_, err := r.signer()
	return err
}

// signer is as whom this process may change who belongs: the root, or a full
// device.
func (r *Repo) signer() (trust.Signer, error) {
	if r.root != nil {
		if r.root.Public() != r.roster.Root {
			return trust.Signer{}, hint.New(CodeReplaced, errors.New("change the list of devices: this recovery key was replaced, and another one counts"))
		}
		return trust.Signer{Key: r.root}, nil
	}
	switch d := r.Device(); {
	case d == nil || d.Revoked:
		return trust.Signer{}, hint.New(CodeRevoked, errors.New("change the list of devices: this device was shut out of the repository"))
	case d.Role != format.Full:
		return trust.Signer{}, hint.New(CodeNotFull, fmt.Errorf("change the list of devices: this device is %s", d.Role), "role", d.Role.String())
	}
	return r.ring.Device.Signer(), nil
}

// roster adds a roster that edit makes of the newest one.
func (a *amendment) roster(edit func(*format.Roster)) error {
	next := a.tip.Roster
	next.Version, next.Parents, next.Time = a.tip.Version+1, []format.Digest{a.tip.Digest}, a.time
	next.Devices, next.Epochs = slices.Clone(next.Devices), slices.Clone(next.Epochs)
	edit(&next)
	o, err := a.ring.SealRoster(&next, a.who)
	if err != nil {
		return fmt.Errorf("seal the list of devices: %w", err)
	}
	if a.tip, err = a.ring.OpenRoster(o.Sealed); err != nil {
		return err
	}
	a.objects = append(a.objects, o)
	return nil
}

// keys adds what a device may know.
func (a *amendment) keys(d *format.Device) error {
	to, err := crypto.ParseRecipient(d.Recipient)
	if err != nil {
		return fmt.Errorf("keys of device %s: %w", d.ID, err)
	}
	return a.keysFor(d.ID.String(), to, d.Role != format.BackupOnly)
}

func (a *amendment) keysFor(holder string, to *crypto.Recipient, data bool) error {
	o, err := a.ring.SealKeyFile(holder, to, data, a.tip.Digest, a.time, a.who)
	if err == nil {
		a.objects = append(a.objects, o)
	}
	return err
}

// renew begins a new epoch: keys for all who belong and for the recovery key,
// then the roster that says so. Whoever was shut out before gets none.
func (a *amendment) renew(edit func(*format.Roster)) error {
	last := slices.MaxFunc(a.tip.Epochs, func(x, y format.Epoch) int { return cmp.Compare(x.Number, y.Number) })
	keys, epoch, err := trust.NewEpoch(last.Number + 1)
	if err != nil {
		return err
	}
	a.ring.Add(&trust.Keyring{Epochs: []trust.EpochKeys{keys}})
	next := a.tip.Roster
	if edit != nil {
		next.Devices = slices.Clone(next.Devices)
		edit(&next)
	}
	recovery, err := crypto.ParseRecipient(next.Recovery)
	if err != nil {
		return err
	}
	if err := a.keysFor(format.RecoveryHolder, recovery, true); err != nil {
		return err
	}
	for i := range next.Devices {
		if d := &next.Devices[i]; !d.Revoked {
			if err := a.keys(d); err != nil {
				return err
			}
		}
	}
	return a.roster(func(r *format.Roster) {
		if edit != nil {
			edit(r)
		}
		r.Epochs, r.Epoch = append(r.Epochs, epoch), epoch.Number
	})
}

// amendingFile names what is being put, in order, an object a line.
const amendingFile = "amending"

// put carries the change out.
func (a *amendment) put(ctx context.Context) error {
	r := a.repo
	if err := a.counts(); err != nil {
		return fmt.Errorf("change the list of devices: %w", err)
	}
	if r.state != nil {
		if err := r.keepAmending(a.objects); err != nil {
			return err
		}
	}
	if err := r.putAmending(ctx, a.objects); err != nil {
		return fmt.Errorf("change the list of devices: %w", err)
	}
	known := r.roster
	r.ring, r.roster = a.ring, a.tip
	for _, o := range a.objects {
		if o.Name.Kind == format.KindRoster {
			r.rosters.sealed[o.Name] = o.Sealed
		}
	}
	if err := r.adopt(known); err != nil {
		return err
	}
	return errors.Join(r.endAmending(), r.refresh(ctx)) // somebody may have changed it at the same moment
}

// counts proves that everybody will believe the change: a device that believed
// one of its own that nobody else does would be alone from then on.
func (a *amendment) counts() error {
	r := a.repo
	list := []*trust.Roster{r.roster}
	for _, sealed := range r.rosters.sealed {
		if x, err := a.ring.OpenRoster(sealed); err == nil && x.Digest != r.roster.Digest {
			list = append(list, x)
		}
	}
	for _, o := range a.objects {
		if o.Name.Kind == format.KindRoster {
			x, err := a.ring.OpenRoster(o.Sealed)
			if err != nil {
				return err
			}
			list = append(list, x)
		}
	}
	v, err := a.ring.Chain(list, r.roster.Digest)
	if err == nil && (v.Forked() || v.Tip.Digest != a.tip.Digest) {
		err = cmp.Or(v.Bad[a.tip.Digest], trust.ErrFork)
	}
	if a, ok := alarmFor("roster", err); ok {
		return hint.New(a.Code, integrityError{err}, "object", a.Object)
	} else if errors.Is(err, trust.ErrFork) {
		return hint.New(CodeRosterForked, integrityError{err})
	}
	return err
}

func (r *Repo) putAmending(ctx context.Context, objects []trust.Object) error {
	for _, o := range objects {
		if err := r.put(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repo) keepAmending(objects []trust.Object) error {
	var list []string
	for _, o := range objects {
		list = append(list, o.Name.String())
	}
	// The list first: copies that no list names would be put by whoever mends.
	if err := durable.WriteFile(r.state.path(amendingFile), []byte(strings.Join(list, "\n")), 0o600); err != nil {
		return localError(err)
	}
	return r.state.keep(objects)
}

func (r *Repo) endAmending() error {
	if r.state == nil {
		return nil
	}
	if err := os.Remove(r.state.path(amendingFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// resumeAmending puts the rest of a change that a process left. If somebody
// else has changed the list of devices since, what is left of it would
// contradict that: then only its end is made anew, fresh keys for those who
// still belong.
func (r *Repo) resumeAmending(ctx context.Context) error {
	if r.state == nil {
		return nil
	}
	b, err := os.ReadFile(r.state.path(amendingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kept, err := r.state.kept()
	if err != nil {
		return err
	}
	var objects []trust.Object
	var made []*trust.Roster
	whole, names := true, strings.Split(string(b), "\n")
	for _, name := range names {
		i := slices.IndexFunc(kept, func(o trust.Object) bool { return o.Name.String() == name })
		if i < 0 {
			whole = false
			continue
		}
		objects = append(objects, kept[i])
		if kept[i].Name.Kind == format.KindRoster {
			made = append(made, &trust.Roster{Digest: kept[i].Name.Digest})
		}
	}
	if whole && r.follows(objects, made) {
		if err := r.putAmending(ctx, objects); err != nil {
			return fmt.Errorf("finish a change of the list of devices: %w", err)
		}
		return errors.Join(r.endAmending(), r.refresh(ctx))
	}
	begun := slices.ContainsFunc(r.rosters.believed, func(x *trust.Roster) bool {
		return slices.ContainsFunc(made, func(m *trust.Roster) bool { return m.Digest == x.Digest })
	})
	if err := r.giveUp(ctx, objects); err != nil {
		return err
	}
	_, err = r.signer()
	if !begun || len(names) < 2 || err != nil || len(r.rosters.sides) > 1 {
		return r.endAmending() // whoever merges begins an epoch; nor may this device any more
	}
	return r.Rotate(ctx) // which ends this one too, and not before
}

// giveUp removes the copies of what never arrived, or mending the remote would
// put it after all.
func (r *Repo) giveUp(ctx context.Context, objects []trust.Object) error {
	for _, o := range objects {
		_, err := r.remote.Stat(ctx, providers.Name(o.Name.String()))
		if errors.Is(err, providers.ErrNotExist) {
			err = os.Remove(r.state.path(keptDir, flatName(o.Name)))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give up a change of the list of devices: %w", err)
		}
	}
	return nil
}

// follows reports whether the roster that is believed now is one of those made,
// or the one that the first of them follows.
func (r *Repo) follows(objects []trust.Object, made []*trust.Roster) bool {
	if len(made) == 0 || len(r.rosters.sides) > 1 {
		return false
	}
	for _, m := range made {
		if m.Digest == r.roster.Digest {
			return true
		}
	}
	for _, o := range objects {
		if o.Name.Kind == format.KindRoster {
			first, err := r.ring.OpenRoster(o.Sealed)
			return err == nil && slices.Contains(first.Parents, r.roster.Digest)
		}
	}
	return false
}
