package repo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// Words is what the repository's eight words stand for: its root key.
func (r *Repo) Words() crypto.Fingerprint { return trust.RootFingerprint(r.ring.Root) }

// DeviceNamed returns the device that a name or an id means.
func (r *Repo) DeviceNamed(name string) (*format.Device, error) {
	found := r.devicesNamed(name)
	if len(found) != 1 {
		return nil, hint.New(CodeNoDevice, fmt.Errorf("look for device %q: %d have that name", name, len(found)), "device", name)
	}
	return found[0], nil
}

// devicesNamed returns those that a name or an id means: of several with one
// name, which only a fork can leave, those that were not shut out.
func (r *Repo) devicesNamed(name string) (found []*format.Device) {
	for i := range r.roster.Devices {
		if d := &r.roster.Devices[i]; d.Name == name || d.ID.String() == name {
			found = append(found, d)
		}
	}
	for _, side := range r.rosters.sides { // one that a merge may keep
		for i := range side.Devices {
			d := &side.Devices[i]
			same := func(x *format.Device) bool { return x.ID == d.ID }
			if (d.Name == name || d.ID.String() == name) && !slices.ContainsFunc(found, same) {
				found = append(found, d)
			}
		}
	}
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(d *format.Device) bool { return d.Revoked })
	}
	return found
}

// known refuses devices that the list doesn't name.
func (r *Repo) known(devices ...format.DeviceID) error {
	for _, id := range devices {
		if r.roster.Device(id) == nil {
			return hint.New(CodeNoDevice, fmt.Errorf("change device %s: it is not in the list", id), "device", id.String())
		}
	}
	return nil
}

// maxName is the most bytes a device's name may have.
const maxName = 100

// nameFree refuses a name that can't be one, and one that another device has,
// or had.
func (r *Repo) nameFree(name string, own format.DeviceID) error {
	odd := func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, odd) || strings.TrimSpace(name) != name {
		return hint.New(CodeBadName, fmt.Errorf("name a device %q: empty, too long, or with characters that can't be shown", name), "device", name)
	}
	for _, d := range r.roster.Devices {
		if d.ID != own && strings.EqualFold(d.Name, name) {
			return hint.New(CodeNameTaken, fmt.Errorf("name a device %q: another one has that name", name), "device", name)
		}
	}
	return nil
}

// Admit makes the device behind a request a member: one key file, and a roster
// that names it.
func (r *Repo) Admit(ctx context.Context, q *Request, name string, role format.Role) error {
	a, err := r.amend(ctx)
	if err != nil {
		return err
	}
	if err := r.nameFree(name, format.DeviceID{}); err != nil {
		return err
	}
	if r.roster.Device(q.Device) != nil {
		return refusedRequest(fmt.Errorf("admit %s: %w: the device is known already", name, trust.ErrRequest))
	}
	device := format.Device{ID: q.Device, Name: name, Role: role, Recipient: q.request.Recipient, Verify: q.request.Verify, Joined: a.time, Since: a.tip.Epoch}
	if err := a.keys(&device); err != nil {
		return err
	}
	if err := a.roster(func(next *format.Roster) { next.Devices = append(next.Devices, device) }); err != nil {
		return err
	}
	if err := a.put(ctx); err != nil {
		return err
	}
	_ = r.remote.Delete(ctx, providers.Name(q.request.Name().String())) // the device removes it too, and it expires
	return nil
}

// Rename gives a device another name.
func (r *Repo) Rename(ctx context.Context, id format.DeviceID, name string) error {
	a, err := r.amend(ctx)
	if err == nil {
		err = r.known(id)
	}
	if err == nil {
		err = r.nameFree(name, id)
	}
	if err == nil {
		err = a.roster(func(next *format.Roster) { next.Device(id).Name = name })
	}
	if err != nil {
		return err
	}
	return a.put(ctx)
}

// Convert gives a device another role. Taking reading away begins a new epoch:
// what the device has read it has read, but it gets no key for what comes.
func (r *Repo) Convert(ctx context.Context, id format.DeviceID, role format.Role) error {
	a, err := r.amend(ctx)
	if err != nil {
		return err
	}
	if err := r.known(id); err != nil {
		return err
	}
	before := r.roster.Device(id)
	if before.Revoked {
		return hint.New(CodeAlreadyRevoked, fmt.Errorf("convert device %s: it was shut out", before.Name), "device", before.Name)
	}
	if before.Role == role {
		return nil
	}
	convert := func(next *format.Roster) { next.Device(id).Role = role }
	if err := r.leavesFull(a, convert); err != nil {
		return err
	}
	reads := before.Role != format.BackupOnly
	if !reads {
		after := *before
		after.Role = role
		err = a.keys(&after)
	}
	if own := r.ring.Device; reads && role == format.BackupOnly && r.root == nil && own.ID == id {
		err = a.renew(convert) // the first of two rosters would be the last that it may sign
	} else {
		if err == nil {
			err = a.roster(convert)
		}
		if err == nil && reads && role == format.BackupOnly {
			err = a.renew(nil)
		}
	}
	if err != nil {
		return err
	}
	return a.put(ctx)
}

// leavesFull refuses a change by a device after which none could change
// anything any more. The root can always.
func (r *Repo) leavesFull(a *amendment, edit func(*format.Roster)) error {
	next := a.tip.Roster
	next.Devices = slices.Clone(next.Devices)
	edit(&next)
	full := func(d format.Device) bool { return d.Role == format.Full && !d.Revoked }
	if r.root != nil || slices.ContainsFunc(next.Devices, full) {
		return nil
	}
	return hint.New(CodeLastFull, fmt.Errorf("change the list of devices: no full device would be left"))
}

// Revoke shuts devices out: the newest snapshot of each that was seen is the
// last that counts, and a new epoch begins, for whose keys they don't hold. One
// that was shut out before only gets the new epoch, should the first attempt
// have ended halfway.
func (r *Repo) Revoke(ctx context.Context, devices ...format.DeviceID) error {
	a, err := r.amend(ctx)
	if err != nil {
		return err
	}
	if err := r.known(devices...); err != nil {
		return err
	}
	last, err := r.lastHeads(ctx, devices)
	if err != nil {
		return err
	}
	if own := r.ring.Device; own != nil && r.root == nil && slices.Contains(devices, own.ID) {
		return hint.New(CodeSelf, fmt.Errorf("revoke: a device would make the keys that it must not have"))
	}
	shutOut := revoking(last)
	if err := r.leavesFull(a, shutOut); err != nil {
		return err
	}
	if slices.ContainsFunc(devices, func(id format.DeviceID) bool { return !r.roster.Device(id).Revoked }) {
		err = a.roster(shutOut)
	}
	if err == nil {
		err = a.renew(nil)
	}
	if err != nil {
		return err
	}
	return a.put(ctx)
}

// lastHeads returns the newest snapshots of devices that anybody has seen, nil
// for none.
func (r *Repo) lastHeads(ctx context.Context, devices []format.DeviceID) (map[format.DeviceID]*format.Head, error) {
	last := map[format.DeviceID]*format.Head{}
	for _, id := range devices {
		last[id] = nil
		s, err := r.Head(ctx, id)
		if err != nil {
			return nil, err
		}
		if s != nil {
			last[id] = &format.Head{Device: id, Seq: s.Seq, Digest: s.Name.Digest}
		}
		if h, ok := r.seen.head(id); ok && (s == nil || h.Seq > s.Seq) {
			last[id] = &h
		}
	}
	return last, nil
}

func revoking(last map[format.DeviceID]*format.Head) func(*format.Roster) {
	return func(next *format.Roster) {
		for id, head := range last {
			if d := next.Device(id); !d.Revoked {
				d.Revoked, d.Last = true, head
			}
		}
	}
}

// Rotate begins a new epoch: new data and meta identities and a new key for
// authentication, for all who belong.
func (r *Repo) Rotate(ctx context.Context) error {
	a, err := r.amend(ctx)
	if err == nil {
		err = a.renew(nil)
	}
	if err != nil {
		return err
	}
	return a.put(ctx)
}

// Merge ends a fork: all sides' devices belong, whoever was shut out on one side
// stays so, and so does whom such a device admitted on another; a new epoch begins. With the recovery key, keep names devices
// that belong nevertheless.
func (r *Repo) Merge(ctx context.Context, keep ...format.DeviceID) error {
	if r.readsOnly != nil {
		return r.readsOnly
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	sides := r.rosters.sides
	if len(sides) < 2 {
		return nil
	}
	a, err := r.amendment()
	if err != nil {
		return err
	}
	for _, side := range sides {
		if d := side.Device(a.who.ID); r.root == nil && (d == nil || d.Revoked || d.Role != format.Full) {
			return hint.New(CodeRosterForked, integrityError{fmt.Errorf("merge the lists of devices: one of them shuts this device out: %w", trust.ErrFork)})
		}
	}
	merged := sides[0].Roster
	merged.Devices, merged.Epochs = slices.Clone(merged.Devices), slices.Clone(merged.Epochs)
	for _, side := range sides[1:] {
		join(&merged, &side.Roster)
	}
	for _, id := range r.rosters.guests {
		merged.Device(id).Revoked = true
	}
	for _, id := range keep {
		if d := merged.Device(id); d != nil && r.root != nil {
			d.Revoked, d.Last = false, nil
		}
	}
	a.tip = &trust.Roster{Roster: merged, Digest: sides[0].Digest}
	err = a.renew(func(next *format.Roster) {
		next.Parents = nil
		for _, side := range sides {
			next.Parents = append(next.Parents, side.Digest)
			next.Version = max(next.Version, side.Version+1)
		}
	})
	if err != nil {
		return err
	}
	return a.put(ctx)
}

// join takes in what another side has more.
func join(merged, side *format.Roster) {
	for _, d := range side.Devices {
		have := merged.Device(d.ID)
		switch {
		case have == nil:
			merged.Devices = append(merged.Devices, d)
		case d.Revoked && !have.Revoked:
			*have = d
		}
	}
	for _, e := range side.Epochs {
		if !slices.Contains(merged.Epochs, e) {
			merged.Epochs = append(merged.Epochs, e)
		}
	}
	slices.SortStableFunc(merged.Epochs, func(x, y format.Epoch) int { return cmp.Compare(x.Number, y.Number) })
	merged.Epoch = max(merged.Epoch, side.Epoch)
	merged.MinReader = max(merged.MinReader, side.MinReader)
}

// ReplaceRecovery makes another recovery key, and with it another root, the
// one that counts, and begins a new epoch. The repository must have been opened
// with the old key.
func (r *Repo) ReplaceRecovery(ctx context.Context, next *crypto.Identity) error {
	a, err := r.amend(ctx)
	if err != nil {
		return err
	}
	if r.root == nil {
		return hint.New(CodeNoKey, fmt.Errorf("replace the recovery key: the old one is needed"))
	}
	root, err := crypto.RootKey(next)
	if err != nil {
		return err
	}
	// The new key can open everything before it counts.
	a.who, a.ring.Root = trust.Signer{Key: root}, root.Public()
	if err := a.keysFor(format.RecoveryHolder, next.Recipient(), true); err != nil {
		return err
	}
	a.who = trust.Signer{Key: r.root, NewRoot: root}
	err = a.roster(func(n *format.Roster) { n.Root, n.Recovery = root.Public(), next.Recipient().String() })
	if err == nil {
		a.who = trust.Signer{Key: root}
		err = a.renew(nil)
	}
	if err != nil {
		return err
	}
	if err := a.put(ctx); err != nil {
		return err
	}
	r.root, r.recovery = root, next
	return nil
}
