package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// Repo is an open repository. Its methods may be called concurrently unless
// they say otherwise.
type Repo struct {
	remote   providers.Remote
	ring     *trust.Keyring
	recovery *crypto.Identity   // it was opened with, else nil
	root     *crypto.SigningKey // derived from that
	roster   *trust.Roster
	rosters  rosters
	state    *State // nil when opened with the recovery key alone
	cache    cache

	remembered []byte // the sealed roster this device knew when it was opened

	mu        sync.Mutex
	seen      seen
	alarms    []Alarm
	snapshots map[format.DeviceID][]format.Name // as listed, ascending
	secrets   map[format.DeviceID]crypto.Secret
	unseen    format.Head // see noteUnseen

	readsOnly error // why this process changes nothing: it only looks, or a change of the list of devices is not ended
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
	r := newRepo(remote, o.State, o.Cache)
	var rosters []format.Name
	var err error
	switch {
	case o.Recovery != nil:
		rosters, err = r.openBare(ctx, o.Recovery)
	case o.State != nil && o.State.joins():
		return FinishJoin(ctx, remote, JoinOptions{State: o.State, Cache: o.Cache})
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
	if r.readsOnly = r.state.mayWork(); r.readsOnly == nil {
		r.readsOnly = r.resumeAmending(ctx)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return r, r.loadHeads(ctx)
}

func newRepo(remote providers.Remote, state *State, dir string) *Repo {
	return &Repo{remote: remote, state: state, cache: cache{dir}, secrets: map[format.DeviceID]crypto.Secret{}, rosters: rosters{sealed: map[format.Name][]byte{}}}
}

// openBare opens with nothing but the recovery key.
func (r *Repo) openBare(ctx context.Context, recovery *crypto.Identity) ([]format.Name, error) {
	if _, err := r.openClear(ctx); err != nil {
		return nil, err
	}
	if err := r.openRecovery(ctx, recovery); err != nil {
		return nil, err
	}
	return r.rosterNames(ctx)
}

// rosterNames lists the lists of devices.
func (r *Repo) rosterNames(ctx context.Context) ([]format.Name, error) {
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
	m, err := r.state.recall()
	if err != nil {
		return nil, err
	}
	r.ring, r.remembered, r.seen = m.keys, m.roster, m.seen
	if m.forgotten != nil { // forgotten, which the user has to know
		r.alarm(Alarm{Code: CodeDamaged, Object: r.state.path(seenFile), Err: m.forgotten})
	}
	if err := r.state.endBeginnings(); err != nil {
		return nil, err
	}
	rosters, err = r.rosterNames(ctx)
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
	r.root, r.recovery = root, recovery
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
		if errors.Is(err, errByMember) {
			continue
		}
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

// errByMember: a device wrote the key file. Which devices may, only rosters
// tell, and the first of those open with a file that the root wrote.
var errByMember = errors.New("written by a device")

func (r *Repo) recoveryRing(ctx context.Context, name format.Name, id *crypto.Identity, root crypto.VerifyKey) (*trust.Keyring, error) {
	sealed, err := r.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	f, err := trust.OpenKeyFile(sealed, name.Holder, id)
	if err != nil {
		return nil, err
	}
	if !f.ByRoot() {
		return nil, errByMember
	}
	return f.SignedByRoot(root)
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
