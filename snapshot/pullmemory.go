package snapshot

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// PullMemory is the name of the folder in which a pull remembers what it has
// done. It may vanish at any time: then everything is looked at once more.
const PullMemory = ".chatkeep-pull"

// CodePullMemory says that what a pull remembers can't be where it is.
const CodePullMemory hint.Code = "pull_memory"

// CodePulling says that another process is pulling into the folder.
const CodePulling hint.Code = "pull_locked"

// PullFolder is a folder that is kept at the latest state. It is locked while
// it is open.
type PullFolder struct {
	dir  string // the folder
	lock *flock.Flock
	mem  pullMemory

	rules *targetRules // nil: those of this system

	// step is told of each step that changes something, so that tests can see
	// what a pull leaves that is killed there.
	step func(what string)
}

func (p *PullFolder) at(what string) {
	if p.step != nil {
		p.step(what)
	}
}

// pullMemory is what is remembered of all devices.
type pullMemory struct {
	Format  int           `json:"format"`
	Tag     string        `json:"tag"` // in the names of files that are not whole yet
	Devices []*pullDevice `json:"devices"`
}

// pullDevice is what is remembered of a device.
type pullDevice struct {
	ID       string        `json:"id"`
	Folder   string        `json:"folder"`
	Sequence uint64        `json:"sequence"` // of the newest snapshot that was ever seen here
	Snapshot string        `json:"snapshot"`
	Body     string        `json:"body"`
	Listed   string        `json:"listed,omitempty"` // the tree of which sources has all
	Sources  []*pullSource `json:"sources"`
}

// pullSource is what is remembered of a source.
type pullSource struct {
	Name string `json:"name"`
	Tree string `json:"tree,omitempty"` // all of which is there, as far as the list says; empty if not all is
	List string `json:"list,omitempty"` // the list that says so, by its sum: a folder may be copied while it changes
}

const (
	pullFormat = 1
	pullFile   = "pull.json"
)

// OpenPullFolder opens a folder to pull to, and makes it if need be. If another
// process has it open, the error has CodePulling.
func OpenPullFolder(dir string) (*PullFolder, error) {
	p := &PullFolder{dir: dir}
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	if err := p.ownMemory(); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(p.memory("tmp"), 0o700); err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	p.lock = flock.New(p.memory("lock"), flock.SetPermissions(0o600))
	ok, err := p.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("pull: lock %s: %w", dir, err)
	}
	if !ok {
		return nil, hint.New(CodePulling, fmt.Errorf("pull: another process is pulling to %s", dir), "path", dir)
	}
	if err := errors.Join(p.load(), p.sweepTemp()); err != nil {
		return nil, errors.Join(err, p.lock.Unlock())
	}
	return p, nil
}

// ownMemory refuses a memory of which a part leads elsewhere, or is something
// that reading would wait for: what is remembered decides what is replaced, and
// what lies in tmp is removed.
func (p *PullFolder) ownMemory() error {
	err := filepath.WalkDir(p.memory(), func(full string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("pull: %w", err)
		case !e.IsDir() && (!e.Type().IsRegular() || full == p.memory()):
			return hint.New(CodePullMemory, fmt.Errorf("pull: %s is neither a file nor a folder of its own", full), "path", full)
		case full == p.memory("tmp"):
			return fs.SkipDir
		}
		return nil
	})
	return err
}

// Close gives up the lock.
func (p *PullFolder) Close() error { return p.lock.Unlock() }

func (p *PullFolder) memory(elem ...string) string {
	return filepath.Join(append([]string{p.dir, PullMemory}, elem...)...)
}

// load reads what is remembered. If that is damaged, it begins anew.
func (p *PullFolder) load() error {
	b, err := os.ReadFile(p.memory(pullFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pull: %w", err)
	}
	if err != nil || json.Unmarshal(b, &p.mem) != nil || p.mem.Format != pullFormat || !p.mem.valid() {
		p.mem = pullMemory{Format: pullFormat, Tag: strings.ToLower(rand.Text()[:12])}
		return p.save()
	}
	return nil
}

// valid refuses folders that are no name, and what could not have come about.
func (m *pullMemory) valid() bool {
	for i, d := range m.Devices {
		if d == nil || slices.Contains(d.Sources, nil) || d.twice(m.Devices[:i]) {
			return false
		}
		if d.Folder == "" || folderName(strings.ReplaceAll(d.Folder, "%", "")) != strings.ReplaceAll(d.Folder, "%", "") {
			return false
		}
		if _, err := format.ParseDeviceID(d.ID); err != nil {
			return false
		}
	}
	return m.Tag != "" && !strings.ContainsAny(m.Tag, `/\`)
}

// twice reports whether a device has the id or the folder of an earlier one, or
// a source twice.
func (d *pullDevice) twice(earlier []*pullDevice) bool {
	names := map[string]bool{}
	for _, s := range d.Sources {
		names[s.Name] = true
	}
	return len(names) < len(d.Sources) || slices.ContainsFunc(earlier, func(e *pullDevice) bool {
		return e.ID == d.ID || strings.EqualFold(e.Folder, d.Folder)
	})
}

func (p *PullFolder) save() error {
	p.at("remember")
	b, err := json.MarshalIndent(p.mem, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(p.memory(pullFile), append(b, '\n'), 0o600)
}

// device returns what is remembered of a device, which gets a folder now if it
// has none.
func (p *PullFolder) device(id format.DeviceID, name string) *pullDevice {
	var taken []string
	for i := range p.mem.Devices {
		if p.mem.Devices[i].ID == id.String() {
			return p.mem.Devices[i]
		}
		taken = append(taken, p.mem.Devices[i].Folder)
	}
	p.mem.Devices = append(p.mem.Devices, &pullDevice{ID: id.String(), Folder: deviceFolder(name, id.String(), taken)})
	return p.mem.Devices[len(p.mem.Devices)-1]
}

// treeOf names what a snapshot holds. One that found nothing changed has the tree
// of the one before.
func treeOf(s *repo.Snapshot) string { return hex.EncodeToString(s.Root.ID[:]) }

// known is the head of a device that was seen last; none if it can't be read.
func (d *pullDevice) known() repo.KnownHead {
	id, err := format.ParseDeviceID(d.ID)
	if err != nil {
		return repo.KnownHead{}
	}
	digest, err := format.ParseDigest(d.Snapshot)
	if err != nil {
		return repo.KnownHead{}
	}
	body, err := format.ParseDigest(d.Body)
	if err != nil {
		return repo.KnownHead{}
	}
	return repo.KnownHead{Head: format.Head{Device: id, Seq: d.Sequence, Digest: digest}, Body: body}
}

func (d *pullDevice) see(s *repo.Snapshot) {
	k := s.Known()
	d.Sequence, d.Snapshot, d.Body = k.Seq, k.Digest.String(), k.Body.String()
}

// source returns what is remembered of a source.
func (d *pullDevice) source(name string) *pullSource {
	for i := range d.Sources {
		if d.Sources[i].Name == name {
			return d.Sources[i]
		}
	}
	d.Sources = append(d.Sources, &pullSource{Name: name})
	return d.Sources[len(d.Sources)-1]
}

// sourceDir is where the list of a source lies.
func (p *PullFolder) sourceDir(device, source string) string {
	sum := sha256.Sum256([]byte(source))
	return p.memory(device, hex.EncodeToString(sum[:8]))
}
