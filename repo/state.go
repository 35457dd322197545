package repo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// State is a device's state folder: its keys, what it has seen of others, the
// journal of packs on their way, a publication in progress and the listing of
// its last snapshot. Losing all of it but the keys costs time and, on a
// backup-only device, one new base per database.
type State struct {
	dir  string
	lock *flock.Flock // nil if it was opened to look
	busy error        // then: why nothing in it may be changed, see PeekState
	lent []byte       // keys that came from elsewhere, see UseKeys
}

const (
	keysFile    = "device.json"
	seenFile    = "seen.json"
	rosterFile  = "roster.age"
	journalFile = "journal"
	pendingDir  = "pending"
	listingDir  = "listing"
	imagesDir   = "images"
	lockFile    = "lock"
)

// OpenState opens a state folder, creating it if needed, and locks it for this
// process. A folder another process holds gives an error with CodeLocked that
// names the process, unless wait, called with that name, returns nil after
// which it is tried again.
func OpenState(dir string, wait func(holder string) error) (*State, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	s := &State{dir: dir, lock: flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))}
	for {
		ok, err := s.lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock state folder %s: %w", dir, err)
		}
		if ok {
			return s, s.sign()
		}
		holder := s.holder()
		if wait == nil {
			return nil, s.lockedBy(holder)
		}
		if err := wait(holder); err != nil {
			return nil, err
		}
	}
}

func (s *State) lockedBy(holder string) error {
	return hint.New(CodeLocked, fmt.Errorf("lock state folder %s: process %s is using it", s.dir, holder), "holder", holder)
}

// sign writes the process id into the lock file, for whoever has to wait.
func (s *State) sign() error {
	err := os.WriteFile(filepath.Join(s.dir, lockFile), []byte(strconv.Itoa(os.Getpid())), 0o600)
	if err != nil {
		return errors.Join(err, s.lock.Unlock())
	}
	return nil
}

func (s *State) holder() string {
	b, err := os.ReadFile(filepath.Join(s.dir, lockFile))
	if pid := strings.TrimSpace(string(b)); err == nil && pid != "" {
		return pid
	}
	return "?"
}

// Close gives up the lock.
func (s *State) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Unlock()
}

// Dir returns the folder.
func (s *State) Dir() string { return s.dir }

func (s *State) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// HasKeys reports whether this device belongs to a repository.
func (s *State) HasKeys() bool {
	_, err := os.Lstat(s.path(keysFile))
	return err == nil || s.lent != nil
}

// UseKeys lends the state this device's keys, as they stand in device.json,
// where that file is not kept: a credential store has them. They are never
// written down as they are: what they grow to lies sealed in the state folder.
func (s *State) UseKeys(text []byte) { s.lent = text }

// saveKeys replaces this device's keys, which have grown.
func (s *State) saveKeys(k *trust.Keyring) error {
	if s.lent != nil {
		return s.remember(func() error { return s.saveGrown(k) })
	}
	return s.remember(func() error { return localError(durable.ReplaceSecret(s.path(keysFile), k.Encode())) })
}

func (s *State) loadKeys() (*trust.Keyring, error) {
	if s.lent != nil {
		return s.loadGrown()
	}
	b, err := durable.ReadSecret(s.path(keysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.New(CodeNoKey, fmt.Errorf("this device has no keys in %s", s.dir), "path", s.dir)
	}
	if err != nil {
		return nil, err
	}
	return trust.DecodeKeyring(b)
}

// seen is what this device remembers of the repository, so that nobody can
// show it an older one.
type seen struct {
	Roster string     `json:"roster"`
	Record uint64     `json:"record,omitempty"` // number of the newest statement this device has made
	Secret bool       `json:"secret,omitempty"` // this device's chunk secret is on the remote
	Heads  []seenHead `json:"heads"`
	Broken []string   `json:"broken,omitempty"` // objects to put again from their kept copies
	Lost   []string   `json:"lost,omitempty"`   // own packs and indexes that verify found missing or damaged
	Sample sample     `json:"sample,omitzero"`
}

type seenHead struct {
	Device string `json:"device"`
	Seq    uint64 `json:"seq"`
	Digest string `json:"digest"`
}

func (s *State) loadSeen() (seen, error) {
	var v seen
	b, err := os.ReadFile(s.path(seenFile))
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return seen{}, fmt.Errorf("%w: what this device remembers of the repository: %v", format.ErrMalformed, err)
	}
	return v, nil
}

func (s *State) saveSeen(v seen) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return s.remember(func() error { return localError(durable.WriteFile(s.path(seenFile), append(b, '\n'), 0o600)) })
}

// saveRoster keeps the newest list of devices this device has accepted.
func (s *State) saveRoster(tip *trust.Roster) error {
	return s.remember(func() error { return localError(durable.WriteFile(s.path(rosterFile), tip.Sealed, 0o600)) })
}

func (v *seen) head(d format.DeviceID) (format.Head, bool) {
	for _, h := range v.Heads {
		if h.Device == d.String() {
			digest, err := format.ParseDigest(h.Digest)
			return format.Head{Device: d, Seq: h.Seq, Digest: digest}, err == nil
		}
	}
	return format.Head{}, false
}

// remember notes a head if it is newer than the one noted.
func (v *seen) remember(h format.Head) (changed bool) {
	entry := seenHead{h.Device.String(), h.Seq, h.Digest.String()}
	for i := range v.Heads {
		if v.Heads[i].Device == entry.Device {
			changed = v.Heads[i].Seq < h.Seq
			if changed {
				v.Heads[i] = entry
			}
			return changed
		}
	}
	v.Heads = append(v.Heads, entry)
	return true
}
