package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// A kill needs a process of its own: this test binary, told by a variable what
// to do.
const childVariable = "CHATKEEP_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if err := childBackup(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func openLocal(dir string) (providers.Remote, error) {
	remote, err := cloud.Open(background, providers.Place{Type: "local", Path: filepath.Join(dir, "remote")}, cloud.Options{})
	if err != nil {
		return nil, err
	}
	return providers.Reliable(remote, providers.RetryOptions{Tries: 2}), nil
}

// childBackup makes one backup of dir/chats.
func childBackup(dir string) error {
	p := &place{dir: dir, chats: filepath.Join(dir, "chats"), packSize: 1 << 20}
	var err error
	if p.remote, err = openLocal(dir); err != nil {
		return err
	}
	p.remote = mortal(p.remote)
	if p.state, err = repo.OpenState(filepath.Join(dir, "state"), nil); err != nil {
		return err
	}
	p.t = quiet{}
	if os.Getenv(childVariable) == "app" {
		app{p}.find()
	}
	_, err = p.backupWith(background, TakeOptions{})
	return err
}

// quiet is what a place has for a test outside of one.
type quiet struct{ testing.TB }

func (quiet) Helper() {}

// hunt is a device whose backups get killed.
type hunt struct {
	*place
	round   int           // fresh data in the chats
	last    uint64        // newest snapshot
	older   int           // snapshots of chats that were replaced by then
	fresh   int64         // bytes ever written to the chats
	typical time.Duration // a backup that is left alone
	packs   map[string]fs.FileInfo
}

const roundFiles, roundFile = 10, 2 << 20

// renew replaces all chats by fresh ones and sets those of the last snapshot
// aside.
func (h *hunt) renew() {
	h.t.Helper()
	h.must(os.RemoveAll(h.old()))
	if h.round > 0 {
		h.must(os.Rename(h.chats, h.old()))
	}
	h.round++
	for i := range roundFiles {
		h.write(fmt.Sprintf("%d/%d.jpg", h.round, i), noise(fmt.Sprint(h.round, i), roundFile))
		h.fresh += roundFile
	}
}

// old is what the newest snapshot holds while the chats are not yet in one.
func (h *hunt) old() string { return filepath.Join(h.dir, "old") }

// child backs up in a process of its own and kills it after a while, if that
// is not zero.
func (h *hunt) child(after time.Duration) { h.childOf("backup", after) }

func (h *hunt) childOf(kind string, after time.Duration) {
	h.t.Helper()
	cmd := h.command(kind)
	start := time.Now()
	h.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var alarm <-chan time.Time
	var err error
	if after > 0 {
		alarm = time.After(after)
	}
	select {
	case err = <-ended:
		h.must(err)
		h.typical = max(h.typical, time.Since(start))
	case <-alarm:
		if err := cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) { // it may have ended just now
			h.must(err)
		}
		<-ended
	}
}

// command is a backup in a process of its own.
func (h *hunt) command(kind string) *exec.Cmd {
	h.t.Helper()
	self, err := os.Executable()
	h.must(err)
	cmd := exec.Command(self, h.dir)
	cmd.Env = append(os.Environ(), childVariable+"="+kind)
	cmd.Stderr = os.Stderr
	return cmd
}

// survey fails if a pack has gone or was written again, and reports whether
// there is a new snapshot of the chats as they are. One that is new may be older
// than they are: a backup that was killed after sealing it left it for the next.
func (h *hunt) survey() bool {
	h.t.Helper()
	now := map[string]fs.FileInfo{}
	total := int64(0)
	files, err := filepath.Glob(filepath.Join(h.dir, "remote", "packs", "*", "*.age"))
	h.must(err)
	for _, f := range files {
		info, err := os.Stat(f)
		h.must(err)
		now[f] = info
		total += info.Size()
	}
	for f, before := range h.packs {
		if info := now[f]; info == nil || !os.SameFile(before, info) || !before.ModTime().Equal(info.ModTime()) {
			h.t.Fatalf("%s is not what it was", f)
		}
	}
	h.packs = now
	if total > h.fresh+h.fresh/20 {
		h.t.Fatalf("%d bytes of packs for %d bytes of chats: something was sent twice", total, h.fresh)
	}
	snapshots, err := filepath.Glob(filepath.Join(h.dir, "remote", "snapshots", "*", "*", "*.age"))
	h.must(err)
	more := uint64(len(snapshots)) > h.last
	h.last = uint64(len(snapshots))
	if !more {
		return false
	}
	current := h.newest() == h.round
	if !current {
		h.older++
	}
	return current
}

// newest is the round that the newest snapshot holds: the present one, or the
// one before.
func (h *hunt) newest() int {
	h.t.Helper()
	remote, err := openLocal(h.dir)
	h.must(err)
	bare, err := repo.Open(background, remote, repo.Options{Recovery: h.recovery})
	h.must(err)
	v, err := OpenView(background, bare, repo.Latest)
	h.must(err)
	files := map[string]int{}
	h.must(v.Walk(background, "", func(full string, e *format.Entry, err error) error {
		if err == nil && e.Type == format.TypeFile {
			files[path.Base(path.Dir(full))]++
		}
		return err
	}))
	h.must(v.Close())
	for _, round := range []int{h.round, h.round - 1} {
		if len(files) == 1 && files[strconv.Itoa(round)] == roundFiles {
			return round
		}
	}
	h.t.Fatalf("in round %d the newest snapshot holds %v", h.round, files)
	return 0
}

// proves opens the repository as this device, and by the recovery key.
func (h *hunt) proves(whole bool) {
	h.t.Helper()
	state, err := repo.OpenState(filepath.Join(h.dir, "state"), nil)
	h.must(err)
	defer func() { h.must(state.Close()) }()
	remote, err := openLocal(h.dir)
	h.must(err)
	if !whole {
		remote = unsummed{remote} // hashing everything each time takes too long
	}
	r, err := repo.Open(background, remote, repo.Options{State: state, Cache: h.cache()})
	h.must(err)
	if rep := h.report(r, 0); !rep.OK() {
		h.t.Fatalf("check: %+v %+v", rep.Bad, rep.Alarms)
	}
	if whole {
		bare, err := repo.Open(background, remote, repo.Options{Recovery: h.recovery})
		h.must(err)
		out, dir, err := h.restore(bare, repo.Latest)
		h.must(err)
		if diffs := madeup.Compare(h.old(), dir); len(diffs) > 0 || len(out.Failed) > 0 {
			h.t.Fatal(diffs, out.Failed)
		}
		h.must(os.RemoveAll(filepath.Dir(dir)))
	}
}

// unsummed is a remote whose listings have no checksums.
type unsummed struct{ providers.Remote }

func (u unsummed) List(ctx context.Context, prefix providers.Name, opt providers.ListOptions, fn func(providers.Info) error) error {
	opt.Sums = false
	return u.Remote.List(ctx, prefix, opt, fn)
}

// A backup that is killed at any moment costs nothing but time.
func TestKilled(t *testing.T) {
	kills := 100
	if testing.Short() || racing {
		kills = 10
	}
	h := newHunt(t)
	h.renew()
	h.child(0)
	h.survey()
	finished := 0
	h.renew()
	for n := range kills {
		h.child(time.Duration(1 + rand.Int64N(int64(h.typical))))
		if h.survey() {
			finished++
			h.renew()
		}
		h.proves(n%10 == 9)
	}
	h.child(0)
	if !h.survey() {
		t.Error("the last backup left no snapshot")
	}
	h.renew()
	h.proves(true)
	t.Logf("a backup takes %v; %d of %d kills came too late, and %d left a sealed snapshot of chats replaced since", h.typical, finished, kills, h.older)
}

func newHunt(t *testing.T) *hunt {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	p.chats = filepath.Join(p.dir, "chats")
	p.recovery = p.identity()
	state, err := repo.OpenState(filepath.Join(p.dir, "state"), nil)
	p.must(err)
	remote, err := openLocal(p.dir)
	p.must(err)
	_, err = repo.Init(background, remote, repo.InitOptions{State: state, Cache: p.cache(), Recovery: p.recovery, Device: "laptop", Role: format.Full})
	p.must(err)
	p.must(state.Close())
	return &hunt{place: p}
}
