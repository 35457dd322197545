package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// Repo is an open repository. Its methods may be called concurrently unless
// they say otherwise.
type Repo struct {
	remote providers.Remote
	ring   *trust.Keyring
	roster *trust.Roster
	state  *State // nil when opened with the recovery key alone
	cache  cache

	mu        sync.Mutex
	seen      seen
	alarms    []Alarm
	snapshots map[format.DeviceID][]format.Name // as listed, ascending
	secrets   map[format.DeviceID]crypto.Secret
	unseen    format.Head // see noteUnseen
}

// Options say how a repository is opened.
type Options struct {
	// State is the device's own folder. Without it, Recovery must be given.
	State *State
	// Cache is a folder that may vanish at any time; empty for none.
	Cache string
	// Recovery opens the repository without any device.
	Recovery *crypto.Identity
}

// Open opens the repository on remote. What it finds wrong but can live with
// is in Alarms afterwards.
func Open(ctx context.Context, remote providers.Remote, o Options) (*Repo, error) {
	r := &Repo{remote: remote, state: o.State, cache: cache{o.Cache}, secrets: map[format.DeviceID]crypto.Secret{}}
	var rosters []format.Name
	var err error
	switch {
	case o.Recovery != nil:
		rosters, err = r.openBare(ctx, o.Recovery)
	case o.State != nil:
		rosters, err = r.openDevice(ctx)
	default:
		err = hint.New(CodeNoKey, errors.New("open repository: no key was given"))
	}
	if err != nil {
		return nil, err
	}
	if err := r.loadRoster(ctx, rosters); err != nil {
		return nil, fmt.Errorf("open repository %s: %w", remote, err)
	}
	return r, r.loadHeads(ctx)
}

// openBare opens with nothing but the recovery key.
func (r *Repo) openBare(ctx context.Context, recovery *crypto.Identity) ([]format.Name, error) {
	if _, err := r.openClear(ctx); err != nil {
		return nil, err
	}
	if err := r.openRecovery(ctx, recovery); err != nil {
		return nil, err
	}
	return r.rosters(ctx)
}

// rosters lists the lists of devices.
func (r *Repo) rosters(ctx context.Context) ([]format.Name, error) {
	names, err := r.listNames(ctx, "roster/")
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", r.remote, err)
	}
	return names, nil
}

// openClear reads repository.json, whose word nobody takes for anything but a
// polite refusal.
func (r *Repo) openClear(ctx context.Context) (format.RepoID, error) {
	b, err := r.get(ctx, format.RepositoryName, maxClear)
	switch {
	case errors.Is(err, providers.ErrNotExist):
		return format.RepoID{}, r.missingClear(ctx)
	case err != nil:
		return format.RepoID{}, fmt.Errorf("open repository %s: %w", r.remote, err)
	}
	id, err := parseClear(b)
	if errors.Is(err, format.ErrNewer) {
		return id, hint.New(CodeNewer, fmt.Errorf("open repository %s: %w", r.remote, err))
	}
	if err != nil {
		r.alarm(Alarm{Code: CodeDamaged, Object: format.RepositoryName, Err: err})
	}
	return id, nil
}

// missingClear tells a repository that lost its repository.json from a place
// that never was one.
func (r *Repo) missingClear(ctx context.Context) error {
	errFound := errors.New("found")
	err := r.remote.List(ctx, "keys/", providers.ListOptions{}, func(providers.Info) error { return errFound })
	if errors.Is(err, errFound) {
		r.alarm(Alarm{Code: CodeMissing, Object: format.RepositoryName, Err: providers.ErrNotExist})
		return nil
	}
	if err != nil {
		return fmt.Errorf("open repository %s: %w", r.remote, err)
	}
	return hint.New(CodeNotRepository, fmt.Errorf("open repository %s: there is none", r.remote), "remote", r.remote.String())
}

// openDevice opens as a member. repository.json is only asked for where the
// roster this device knows is not there: its word counts for nothing besides
// that, and reading it costs a cloud two requests.
func (r *Repo) openDevice(ctx context.Context) (rosters []format.Name, err error) {
	if r.ring, err = r.state.loadKeys(); err != nil {
		return nil, err
	}
	r.seen, err = r.state.loadSeen()
	if errors.Is(err, format.ErrMalformed) { // forgotten, which the user has to know
		r.alarm(Alarm{Code: CodeDamaged, Object: r.state.path(seenFile), Err: err})
		err = nil
	}
	if err == nil {
		rosters, err = r.rosters(ctx)
	}
	if err != nil || slices.ContainsFunc(rosters, func(n format.Name) bool { return n.Digest.String() == r.seen.Roster }) {
		return rosters, err
	}
	id, err := r.openClear(ctx)
	if err == nil && id != (format.RepoID{}) && id != r.ring.Repo {
		err = r.otherClear(ctx, rosters)
	}
	return rosters, err
}

// otherClear tells another repository from this one with a repository.json
// that says something wrong: only members can write a roster of this one.
func (r *Repo) otherClear(ctx context.Context, rosters []format.Name) error {
	for _, n := range rosters {
		_, err := r.fetchRoster(ctx, n)
		if err == nil {
			r.alarm(Alarm{Code: CodeDamaged, Object: format.RepositoryName, Err: fmt.Errorf("%w: the id of another repository", format.ErrMalformed)})
			return nil
		}
		if _, ok := alarmFor("", err); !ok {
			return fmt.Errorf("open repository %s: %w", r.remote, err)
		}
	}
	return hint.New(CodeOtherRepository, fmt.Errorf("open repository %s: this device belongs to another one", r.remote))
}

// openRecovery finds the key file that opens with the recovery key and that
// the root derived from it vouches for.
func (r *Repo) openRecovery(ctx context.Context, recovery *crypto.Identity) error {
	root, err := crypto.RootKey(recovery)
	if err != nil {
		return err
	}
	files, err := r.listNames(ctx, "keys/")
	if err != nil {
		return fmt.Errorf("open repository %s: %w", r.remote, err)
	}
	broken := error(providers.ErrNotExist)
	for _, name := range files {
		if name.Holder != format.RecoveryHolder {
			continue
		}
		if errors.Is(broken, providers.ErrNotExist) {
			broken = nil
		}
		ring, err := r.recoveryRing(ctx, name, recovery, root.Public())
		if err == nil && (r.ring == nil || len(ring.Epochs) > len(r.ring.Epochs)) {
			r.ring = ring
		}
		if a, ok := alarmFor(name.String(), err); ok && !errors.Is(err, crypto.ErrNoMatch) {
			r.alarm(a)
			broken = err
		} else if err != nil && !errors.Is(err, crypto.ErrNoMatch) {
			return fmt.Errorf("open repository %s: %w", r.remote, err)
		}
	}
	if r.ring != nil {
		return nil
	}
	if a, ok := alarmFor("keys/recovery-….age", broken); ok {
		return hint.New(a.Code, integrityError{fmt.Errorf("open repository %s: the recovery key's file: %w", r.remote, broken)},
			"object", a.Object)
	}
	return hint.New(CodeWrongKey, fmt.Errorf("open repository %s: %w", r.remote, crypto.ErrNoMatch), "remote", r.remote.String())
}

func (r *Repo) recoveryRing(ctx context.Context, name format.Name, id *crypto.Identity, root crypto.VerifyKey) (*trust.Keyring, error) {
	sealed, err := r.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	f, err := trust.OpenKeyFile(sealed, name.Holder, id)
	if err != nil {
		return nil, err
	}
	return f.SignedByRoot(root)
}

// loadRoster finds the roster to believe, among those on the remote and the
// one this device remembers.
func (r *Repo) loadRoster(ctx context.Context, names []format.Name) error {
	var list, newer []*trust.Roster
	var known format.Digest
	if r.state != nil {
		if old := r.rememberedRoster(); old != nil {
			list, known = append(list, old), old.Digest
			if !hasDigest(names, known) {
				if err := r.rosterGone(ctx, old); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range names {
		if name.Digest == known {
			continue
		}
		roster, err := r.fetchRoster(ctx, name)
		if errors.Is(err, format.ErrNewer) && roster != nil {
			newer = append(newer, roster)
			continue
		}
		if a, ok := alarmFor(name.String(), err); ok {
			r.alarm(a)
		} else if err != nil {
			return err
		} else {
			list = append(list, roster)
		}
	}
	return r.acceptRoster(list, newer, known)
}

// rosterGone raises the alarm when the roster this device knows is not on the
// remote any more. A listing may lag, so the name itself is asked for.
func (r *Repo) rosterGone(ctx context.Context, old *trust.Roster) error {
	name := format.Name{Kind: format.KindRoster, Version: old.Version, Digest: old.Digest}
	_, err := r.remote.Stat(ctx, providers.Name(name.String()))
	if errors.Is(err, providers.ErrNotExist) {
		r.alarm(Alarm{Code: CodeRolledBack, Object: name.String(),
			Err: fmt.Errorf("version %d of the list of devices, which this device knows, is gone", old.Version)})
		return nil
	}
	return err
}

func (r *Repo) fetchRoster(ctx context.Context, name format.Name) (*trust.Roster, error) {
	sealed, err := r.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	roster, err := r.ring.OpenRoster(sealed)
	if roster != nil && roster.Version != name.Version {
		err = fmt.Errorf("%w: it is version %d", crypto.ErrForged, roster.Version)
	}
	return roster, err
}

func (r *Repo) rememberedRoster() *trust.Roster {
	sealed, err := os.ReadFile(r.state.path(rosterFile))
	if err != nil || trust.Digest(sealed).String() != r.seen.Roster {
		return nil // lost state: as if it had never been seen
	}
	roster, err := r.ring.OpenRoster(sealed)
	if err != nil {
		return nil
	}
	return roster
}

func (r *Repo) acceptRoster(list, newer []*trust.Roster, known format.Digest) error {
	tip, bad, err := r.ring.Chain(list, known)
	for _, n := range newer {
		if r.ring.Vouches(n, tip) {
			return hint.New(CodeNewer, fmt.Errorf("read the list of devices: %w", format.ErrNewer))
		}
		bad[n.Digest] = crypto.ErrForged
	}
	for digest, reason := range bad {
		a, ok := alarmFor(rosterObject(digest), reason)
		if !ok {
			a.Code, a.Object, a.Err = CodeForged, rosterObject(digest), reason
		}
		r.alarm(a)
	}
	if errors.Is(err, trust.ErrFork) {
		r.alarm(Alarm{Code: CodeForked, Object: "roster", Err: err})
	} else if err != nil {
		return hint.New(r.noRoster(), integrityError{err}, "object", "roster")
	}
	r.roster = tip
	if r.state == nil || tip.Digest == known {
		return nil
	}
	return r.rememberRoster(tip)
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
	if err := durable.WriteFile(r.state.path(rosterFile), tip.Sealed, 0o600); err != nil {
		return localError(err)
	}
	r.seen.Roster = tip.Digest.String()
	return r.state.saveSeen(r.seen)
}

func hasDigest(names []format.Name, d format.Digest) bool {
	for _, n := range names {
		if n.Digest == d {
			return true
		}
	}
	return false
}

func (r *Repo) alarm(a Alarm) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, old := range r.alarms {
		if old.Code == a.Code && old.Object == a.Object && old.Device == a.Device && old.From == a.From && old.To == a.To {
			return
		}
	}
	r.alarms = append(r.alarms, a)
}

// Alarms returns what was found wrong so far.
func (r *Repo) Alarms() []Alarm {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Alarm(nil), r.alarms...)
}

// CanRead reports whether this process can read content: not on a device that
// only makes backups.
func (r *Repo) CanRead() bool { return r.ring.CanRead() }

// needRead says why content can't be read.
func (r *Repo) needRead() error {
	if r.CanRead() {
		return nil
	}
	return hint.New(CodeBackupOnly, errors.New("read content: this device makes backups but holds no key to read them"))
}

// Device returns this device as the roster has it, or nil.
func (r *Repo) Device() *format.Device {
	if r.ring.Device == nil {
		return nil
	}
	return r.roster.Device(r.ring.Device.ID)
}

// Devices returns all members of the repository.
func (r *Repo) Devices() []format.Device { return r.roster.Devices }

// DeviceName returns a device's name as people know it, or its id.
func (r *Repo) DeviceName(id format.DeviceID) string {
	if d := r.roster.Device(id); d != nil && d.Name != "" {
		return d.Name
	}
	return id.String()
}

// ID returns the repository's id.
func (r *Repo) ID() format.RepoID { return r.ring.Repo }

// Remote returns the remote the repository lies on.
func (r *Repo) Remote() providers.Remote { return r.remote }

// Close closes the remote. The state folder stays the caller's.
func (r *Repo) Close() error { return r.remote.Close() }

// now is when a record is made.
func now() int64 { return time.Now().UnixNano() }
