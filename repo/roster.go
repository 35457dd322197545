package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

const (
	// maxMember is the most bytes a roster or key file may have: some thousand
	// devices or epochs.
	maxMember = 4 << 20
	// maxMembers bounds the memory for all of them: whoever has the remote can
	// put any number there.
	maxMembers = 64 << 20
)

// rosters is what a Repo knows of the lists of devices.
type rosters struct {
	sealed   map[format.Name][]byte // all that were fetched
	believed []*trust.Roster
	sides    []*trust.Roster   // more than one: they contradict each other
	guests   []format.DeviceID // see trust.Verdict
	read     time.Time         // when the remote was asked last
}

// rosterView is what a keyring makes of the rosters that were fetched.
type rosterView struct {
	list, newer []*trust.Roster
	closed      []format.Name // it has no key for them
	verdict     *trust.Verdict
}

// loadRoster finds the roster to believe among those on the remote and the one
// this device remembers, and takes in the keys that came with it.
func (r *Repo) loadRoster(ctx context.Context, names []format.Name) error {
	known := r.knownRoster()
	if known != nil && !hasDigest(names, known.Digest) {
		if err := r.rosterGone(ctx, known); err != nil {
			return err
		}
	}
	room := maxMembers
	for _, name := range names {
		if _, ok := r.rosters.sealed[name]; ok {
			continue
		}
		sealed, err := r.fetchMember(ctx, name)
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
		} else if err != nil {
			return err
		} else if room -= len(sealed); room < 0 {
			return hint.New(CodeDamaged, integrityError{fmt.Errorf("read the lists of devices: %w: more than %d bytes", format.ErrMalformed, maxMembers)}, "object", "roster")
		} else {
			r.rosters.sealed[name] = sealed
		}
	}
	r.rosters.read = time.Now()
	view, err := r.readRosters(ctx, known)
	if err != nil {
		return err
	}
	return r.acceptRoster(view, known)
}

// refresh looks for newer rosters.
func (r *Repo) refresh(ctx context.Context) error {
	names, err := r.rosterNames(ctx)
	if err != nil {
		return err
	}
	return r.loadRoster(ctx, names)
}

// knownRoster is the newest one this device or this process has accepted.
func (r *Repo) knownRoster() *trust.Roster {
	if r.roster != nil {
		return r.roster
	}
	return r.rememberedRoster()
}

// view opens the rosters with a keyring and judges them. What is wrong with
// single ones becomes an alarm.
func (r *Repo) view(ring *trust.Keyring, known *trust.Roster) (*rosterView, error) {
	v := &rosterView{}
	digest := format.Digest{}
	if known != nil {
		v.list, digest = append(v.list, known), known.Digest
	}
	room := 2 * maxMembers
	for name, sealed := range r.rosters.sealed {
		if name.Digest == digest {
			continue
		}
		roster, err := openRoster(ring, name, sealed)
		switch a, bad := alarmFor(name.String(), err); {
		case errors.Is(err, format.ErrNewer) && roster != nil:
			v.newer = append(v.newer, roster)
		case errors.Is(err, crypto.ErrNoMatch):
			v.closed = append(v.closed, name)
		case bad:
			r.alarm(a)
		case err != nil:
			return nil, err
		default:
			v.list = append(v.list, roster)
		}
		if roster != nil {
			if room -= roster.Size(); room < 0 {
				return nil, hint.New(CodeDamaged, integrityError{fmt.Errorf("read the lists of devices: %w: they unpack to more than %d bytes", format.ErrMalformed, 2*maxMembers)}, "object", "roster")
			}
		}
	}
	var err error
	v.verdict, err = ring.Chain(v.list, digest)
	if errors.Is(err, trust.ErrNoRoster) {
		err = nil // its keys may come yet
	}
	return v, err
}

func openRoster(ring *trust.Keyring, name format.Name, sealed []byte) (*trust.Roster, error) {
	roster, err := ring.OpenRoster(sealed)
	if roster != nil && roster.Version != name.Version {
		err = fmt.Errorf("%w: it is version %d", crypto.ErrForged, roster.Version)
	}
	return roster, err
}

// readRosters judges the rosters, with the keys of new epochs where there are
// any for this holder.
func (r *Repo) readRosters(ctx context.Context, known *trust.Roster) (*rosterView, error) {
	v, err := r.view(r.ring, known)
	if err != nil || !r.wantsKeys(v) {
		return v, err
	}
	files, err := r.keyFiles(ctx)
	if err != nil {
		return nil, err
	}
	// Who wrote a key file stands in rosters that only open with it. So all are
	// tried, and then those count that the rosters vouch for.
	held, all := r.ring, r.ring.Copy()
	if len(held.Epochs) == 0 {
		held = nil // a new device
	}
	for name, f := range files {
		if err := f.Shares(held); err != nil { // a stranger's keys are not even tried
			r.alarm(Alarm{Code: CodeForged, Object: name.String(), Err: err})
			delete(files, name)
			continue
		}
		all.Add(f.Claims())
	}
	if v, err = r.view(all, known); err != nil {
		return nil, err
	}
	sure, grew := r.ring.Copy(), false
	for name, f := range files {
		if err := f.Vouched(held, v.verdict.Believed); err != nil {
			r.alarm(Alarm{Code: CodeForged, Object: name.String(), Err: err})
			continue
		}
		proven, wrong := f.Proven(v.verdict.Believed, v.verdict.Tip)
		grew = sure.Add(proven) || grew
		if wrong {
			r.alarm(Alarm{Code: CodeForged, Object: name.String(), Err: fmt.Errorf("%w: keys that no other device has", crypto.ErrForged)})
		}
	}
	if grew {
		r.ring = sure
	}
	return r.view(r.ring, known)
}

// wantsKeys reports whether the holder of the keyring lacks keys that it should
// have: those of a later epoch, or those to read.
func (r *Repo) wantsKeys(v *rosterView) bool {
	tip := v.verdict.Tip
	if tip == nil {
		return true
	}
	reads := true
	if own := r.ring.Device; own != nil {
		d := tip.Device(own.ID)
		if d == nil || d.Revoked {
			return false
		}
		reads = d.Role != format.BackupOnly
	}
	return len(v.closed) > 0 || !r.ring.Holds(tip, reads)
}

// keyFiles fetches and opens what is addressed to the holder of the keyring.
func (r *Repo) keyFiles(ctx context.Context) (map[format.Name]*trust.KeyFile, error) {
	files, room := map[format.Name]*trust.KeyFile{}, maxMembers
	holder, id := format.RecoveryHolder, r.recovery
	if r.ring.Device != nil {
		holder, id = r.ring.Device.ID.String(), r.ring.Device.Identity
	}
	names, err := r.listNames(ctx, "keys/")
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	for _, name := range names {
		if name.Holder != holder {
			continue
		}
		sealed, err := r.fetchMember(ctx, name)
		if room -= len(sealed); room < 0 {
			return nil, hint.New(CodeDamaged, integrityError{fmt.Errorf("read keys: %w: more than %d bytes", format.ErrMalformed, maxMembers)}, "object", "keys")
		}
		var f *trust.KeyFile
		if err == nil {
			f, err = trust.OpenKeyFile(sealed, holder, id)
		}
		if errors.Is(err, crypto.ErrNoMatch) && holder == format.RecoveryHolder {
			continue // of a recovery key before or after this one
		}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
		} else if err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		} else {
			files[name] = f
		}
	}
	return files, nil
}

// rosterGone raises the alarm when the roster this device knows is not on the
// remote any more. A listing may lag, so the name itself is asked for.
func (r *Repo) rosterGone(ctx context.Context, old *trust.Roster) error {
	name := rosterName(old)
	_, err := r.remote.Stat(ctx, providers.Name(name.String()))
	if errors.Is(err, providers.ErrNotExist) {
		r.alarm(Alarm{Code: CodeRolledBack, Object: name.String(),
			Err: fmt.Errorf("version %d of the list of devices, which this device knows, is gone", old.Version)})
		return nil
	}
	return err
}

func rosterName(r *trust.Roster) format.Name {
	return format.Name{Kind: format.KindRoster, Version: r.Version, Digest: r.Digest}
}

func (r *Repo) fetchRoster(ctx context.Context, name format.Name) (*trust.Roster, error) {
	sealed, err := r.fetchMember(ctx, name)
	if err != nil {
		return nil, err
	}
	return openRoster(r.ring, name, sealed)
}

func (r *Repo) rememberedRoster() *trust.Roster {
	if r.remembered == nil {
		return nil
	}
	// The file is written before its digest is noted, so only the file counts.
	roster, err := r.ring.OpenRoster(r.remembered)
	if err != nil {
		return nil
	}
	return roster
}

func (r *Repo) acceptRoster(v *rosterView, known *trust.Roster) error {
	tip := v.verdict.Tip
	if err := r.newerRosters(v); err != nil {
		return err
	}
	for digest, reason := range v.verdict.Bad {
		a, ok := alarmFor(rosterObject(digest), reason)
		if !ok {
			a.Code, a.Object, a.Err = CodeForged, rosterObject(digest), reason
		}
		r.alarm(a)
	}
	r.closedRosters(v)
	if tip != nil && len(v.closed) == 0 && r.wantsKeys(v) {
		r.alarm(Alarm{Code: CodeKeysMissing, Object: "keys", Err: errNoKeys})
	}
	if tip == nil {
		return hint.New(r.noRoster(), integrityError{trust.ErrNoRoster}, "object", "roster")
	}
	if v.verdict.Forked() {
		r.alarm(Alarm{Code: CodeRosterForked, Object: "roster", Err: trust.ErrFork})
	}
	for _, id := range v.verdict.Back {
		r.alarm(Alarm{Code: CodeRosterForked, Object: "roster", Device: tip.Device(id).Name,
			Err: fmt.Errorf("device %s, which was shut out, belongs again by a list that the recovery key made without knowing that", tip.Device(id).Name)})
	}
	r.roster, r.rosters.believed, r.rosters.sides, r.rosters.guests = tip, v.verdict.Believed, v.verdict.Sides, v.verdict.Guests
	return r.adopt(known)
}

// errNoKeys: the holder belongs, and some of the keys to read with were not given
// to it, or are withheld.
var errNoKeys = errors.New("no key file has all the keys that the list of devices speaks of")

// newerRosters refuses to go on where a roster that counts asks for a newer
// program. To the recovery key only the root's word is that: a stolen device
// must not lock out the one key that can shut it out.
func (r *Repo) newerRosters(v *rosterView) error {
	tip := v.verdict.Tip
	for _, n := range v.newer {
		switch {
		case !r.ring.Vouches(n, tip, v.verdict.Sides...):
			if !r.ring.Bygone(n, tip) {
				v.verdict.Bad[n.Digest] = crypto.ErrForged
			}
		case r.root == nil || n.ByRoot():
			return hint.New(CodeNewer, fmt.Errorf("read the list of devices: %w", format.ErrNewer))
		default:
			r.alarm(Alarm{Code: CodeNewer, Object: rosterName(n).String(), Err: format.ErrNewer})
		}
	}
	return nil
}

// closedRosters raises the alarm for rosters that nobody gave this holder the
// keys for. To one that was shut out it says that.
func (r *Repo) closedRosters(v *rosterView) {
	for _, name := range v.closed {
		a := Alarm{Code: CodeKeysMissing, Object: name.String(), Err: crypto.ErrNoMatch}
		if tip := v.verdict.Tip; tip != nil {
			switch r.shutOut(tip) {
			case CodeRevoked:
				return // the roster itself tells
			case CodeReplaced:
				a = Alarm{Code: CodeReplaced, Err: errBeyond}
			}
		}
		r.alarm(a)
	}
}

// adopt makes keyring and memory what the roster says.
func (r *Repo) adopt(known *trust.Roster) error {
	before := r.ring
	r.ring = r.ring.Copy()
	r.ring.Root = r.roster.Root
	if d := r.Device(); d != nil && d.Role == format.BackupOnly {
		r.ring.ForgetData()
	}
	if r.state == nil || r.ring.Device == nil {
		return nil
	}
	if kept, err := r.state.loadKeys(); err != nil {
		return err
	} else if !slices.Equal(kept.Encode(), r.ring.Encode()) {
		if err := r.state.saveKeys(r.ring); err != nil {
			r.ring = before
			return err
		}
	}
	if known != nil && r.roster.Digest == known.Digest && r.seen.Roster == known.Digest.String() {
		return nil
	}
	return r.rememberRoster(r.roster)
}

// noRoster is the code of there being no roster to believe: what is wrong with
// those that are there.
func (r *Repo) noRoster() hint.Code {
	for _, a := range r.Alarms() {
		if strings.HasPrefix(a.Object, "roster/") {
			return a.Code
		}
	}
	return CodeMissing
}

// rosterObject is what a roster is called whose version isn't known.
func rosterObject(d format.Digest) string { return "roster/…" + d.String()[:16] }

func (r *Repo) rememberRoster(tip *trust.Roster) error {
	if err := r.state.saveRoster(tip); err != nil {
		return err
	}
	r.seen.Roster = tip.Digest.String()
	return r.state.saveSeen(r.seen)
}
