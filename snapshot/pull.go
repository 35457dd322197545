package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// PullOptions choose what a pull brings.
type PullOptions struct {
	Devices    []string // only these, by name or id; none: all
	Sources    []string // only these; none: all
	Categories []string // only these; none: all
	First      []string // categories that come right after the databases
	Mirror     bool     // remove what the source has no more, if it is as pull left it
	Workers    int      // 0: 2
	Progress   func(Progress)
}

// Pulled is what a pull did.
type Pulled struct {
	Devices    []*PulledDevice
	Files      uint64
	Bytes      uint64
	Downloaded uint64
	Seconds    float64
	Failed     []Failure
	Older      []string // databases of which the last proven content is there, not the newest
	Torn       []string // databases whose content was never proven
	Aside      []Aside  // what was changed here, or was never pull's
	Held       []string // sources of which nothing was removed, since they may have lost something
}

// Aside is a file that stood in the way, and where it is now.
type Aside struct{ Path, To string }

// PulledDevice is a device whose chats are in the folder.
type PulledDevice struct {
	Device  format.DeviceID
	Name    string
	Folder  string
	Behind  bool // the remote shows an older or another history than before; its files stay
	Sources []*PulledSource
}

// PulledSource is a source of which the folder has the latest state.
type PulledSource struct {
	Source   string
	Snapshot format.Digest
	Sequence uint64
	Time     int64
	Total    uint64 // files
	New      uint64
	Changed  uint64
	Removed  uint64
	Kept     uint64 // files that the source has no more
}

// Changed reports whether the pull did anything.
func (p *Pulled) Changed() bool {
	for _, d := range p.Devices {
		for _, s := range d.Sources {
			if s.New+s.Changed+s.Removed > 0 {
				return true
			}
		}
	}
	return false
}

// CodeNoSource says that no source is called what was chosen.
const CodeNoSource hint.Code = "nothing_to_pull"

// defaultFirst are the categories that come right after the databases where
// the user has no opinion.
var defaultFirst = []string{"messages", "contacts", "favorites"}

// Pull brings the folder to the latest state of the devices, as
// folder/device/source/path, and moves only what changed since the last one. It
// looks at every file, so what is missing or was altered here comes back too.
// What stands in the way and isn't as pull left it is put aside under another
// name; nothing is followed out of the folder.
//
// Only ctx and a remote that is out of reach end a pull early. The next one goes
// on where it ended.
func (p *PullFolder) Pull(ctx context.Context, r *repo.Repo, o PullOptions) (*Pulled, error) {
	if !r.CanRead() {
		return nil, hint.New(repo.CodeBackupOnly, errors.New("pull: this device makes backups but holds no key to read them"))
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	if len(o.First) == 0 {
		o.First = defaultFirst
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	defer root.Close()
	j := &pull{folder: p, repo: r, opt: o, root: root, out: &Pulled{}, start: time.Now()}
	j.meter.tell, j.unclean = o.Progress, p.wasBusy()
	err = j.run(ctx)
	if err = errors.Join(err, j.close()); err != nil {
		return nil, err
	}
	j.out.Seconds = time.Since(j.start).Seconds()
	return j.out, nil
}

// pull is one pull.
type pull struct {
	folder  *PullFolder
	repo    *repo.Repo
	opt     PullOptions
	root    *os.Root
	out     *Pulled
	start   time.Time
	meter   meter
	devices []*pulling
	busy    bool // files may lie about that have no name yet
	unclean bool // the last pull did not come to its end
}

func (j *pull) run(ctx context.Context) error {
	if err := j.findDevices(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{j.survey, j.room, j.work, j.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if j.unclean && (len(j.opt.Devices)+len(j.opt.Sources)+len(j.opt.Categories) > 0 || slices.ContainsFunc(j.devices, func(d *pulling) bool { return d.lost })) {
		return nil // what was left out may still have something unfinished
	}
	return j.folder.idle()
}

// findDevices finds the newest snapshot of each device, and holds it against
// what was seen before.
func (j *pull) findDevices(ctx context.Context) error {
	list := slices.Clone(j.repo.Devices())
	slices.SortFunc(list, func(a, b format.Device) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.ID[:], b.ID[:]))
	})
	chosen := false
	for i := range list {
		id, name := list[i].ID, j.repo.DeviceName(list[i].ID)
		if len(j.opt.Devices) > 0 && !slices.Contains(j.opt.Devices, name) && !slices.Contains(j.opt.Devices, id.String()) {
			continue
		}
		chosen = true
		if err := j.findDevice(ctx, id, name); err != nil {
			return err
		}
	}
	if !chosen {
		return hint.New(repo.CodeNoDevice, fmt.Errorf("pull: no device is called %s", strings.Join(j.opt.Devices, ", ")), "device", strings.Join(j.opt.Devices, ", "))
	}
	return j.folder.save()
}

func (j *pull) findDevice(ctx context.Context, id format.DeviceID, name string) error {
	var known repo.KnownHead
	i := slices.IndexFunc(j.folder.mem.Devices, func(d *pullDevice) bool { return d.ID == id.String() })
	if i >= 0 {
		known = j.folder.mem.Devices[i].known()
	}
	head, err := j.repo.HeadSince(ctx, id, known)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	if head == nil && known.Seq == 0 {
		return nil // there is nothing of it
	}
	mem := j.folder.device(id, name)
	done := &PulledDevice{Device: id, Name: name, Folder: mem.Folder, Behind: head == nil}
	j.out.Devices = append(j.out.Devices, done)
	if head != nil {
		mem.see(head)
		j.devices = append(j.devices, &pulling{pull: j, mem: mem, head: head, done: done})
	}
	return nil
}

// each does a step for all devices. What is wrong with one device on the remote
// does not keep the others.
func (j *pull) each(ctx context.Context, step func(*pulling) error) error {
	for _, d := range j.devices {
		if d.lost {
			continue
		}
		err := step(d)
		if err == nil {
			continue
		}
		h := hint.Find(err)
		if ctx.Err() != nil || !repo.Damage(err) && (h == nil || h.Code != CodeFileExists) {
			return err
		}
		d.lost = true
		j.out.Failed = append(j.out.Failed, Failure{d.mem.Folder, reasonOf(err, reasonDamaged), err, repo.Damage(err)})
	}
	return nil
}

// survey looks at everything without changing it.
func (j *pull) survey(ctx context.Context) error {
	if err := j.each(ctx, func(d *pulling) error { return d.survey(ctx) }); err != nil {
		return err
	}
	found := len(j.devices) == 0 || len(j.opt.Sources) == 0
	for _, d := range j.devices {
		found = found || d.lost || len(d.done.Sources) > 0
	}
	if !found {
		return hint.New(CodeNoSource, fmt.Errorf("pull: no source is called %s", strings.Join(j.opt.Sources, ", ")), "source", strings.Join(j.opt.Sources, ", "))
	}
	return nil
}

// room refuses what can't fit: everything new, and of what is replaced the
// largest.
func (j *pull) room(context.Context) error {
	need, largest := uint64(0), uint64(0)
	for _, d := range j.devices {
		for _, s := range d.sources {
			need, largest = need+s.newBytes, max(largest, s.largest)
		}
	}
	usage, err := disk.Usage(j.folder.dir)
	if err != nil || need+largest <= usage.Free {
		return nil // some file systems don't tell; the disk will
	}
	return hint.New(CodeTargetFull, fmt.Errorf("pull to %s: %d bytes are needed, %d are free", j.folder.dir, need+largest, usage.Free),
		"need", need+largest, "free", usage.Free)
}

// work brings what the survey found, databases first and over all devices.
func (j *pull) work(ctx context.Context) error {
	for rank := range j.ranks() {
		if err := j.each(ctx, func(d *pulling) error { return d.work(ctx, rank) }); err != nil {
			return err
		}
	}
	return nil
}

// rank says when an entry's turn is: databases, the user's first categories, the
// rest.
func (j *pull) rank(e *format.Entry) int {
	if e.Content != nil && e.Content.Image {
		return 0
	}
	if i := slices.Index(j.opt.First, e.Category); i >= 0 && e.Type == format.TypeFile {
		return 1 + i
	}
	return 1 + len(j.opt.First)
}

func (j *pull) ranks() int { return 2 + len(j.opt.First) }

// finish does what only makes sense once the files are there.
func (j *pull) finish(ctx context.Context) error {
	err := j.each(ctx, func(d *pulling) error { return d.finish(ctx) })
	for _, d := range j.devices {
		d.collect()
	}
	slices.SortStableFunc(j.out.Failed, func(a, b Failure) int { return format.ComparePaths(a.Path, b.Path) })
	if err != nil {
		return err
	}
	return j.folder.save()
}

// close gives up everything. After an error it removes what was begun.
func (j *pull) close() error {
	var errs []error
	for _, d := range j.devices {
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}

// begin notes, before the first file is written, that unfinished ones may be
// found from now on.
func (j *pull) begin() error {
	if j.busy {
		return nil
	}
	j.busy = true
	return j.folder.beBusy()
}

func (j *pull) chosenCategory(e *format.Entry) bool {
	return len(j.opt.Categories) == 0 || e.Type != format.TypeDir && slices.Contains(j.opt.Categories, e.Category)
}

func (j *pull) chosenSource(name string) bool {
	return len(j.opt.Sources) == 0 || slices.ContainsFunc(j.opt.Sources, func(s string) bool {
		return s == name || strings.HasPrefix(name, s+"-")
	})
}

// asideName is a name for what was changed here: that of the file, marked with
// the time. It keeps its ending, so that it opens as before.
func asideName(full string, when time.Time, n int) string {
	base := path.Base(full)
	ext := path.Ext(base)
	if ext == base || len(ext) > 20 {
		ext = ""
	}
	stem := strings.TrimSuffix(base, ext)
	for len(stem) > 200-len(ext) {
		stem = stem[:len(stem)-1]
	}
	mark := ".local-" + when.Format("20060102-150405")
	if n > 0 {
		mark += fmt.Sprintf("-%d", n+1)
	}
	return path.Join(path.Dir(full), strings.ToValidUTF8(stem, "")+mark+ext)
}
