package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
)

// diskOf copies a folder as a kill leaves it: with times, and symlinks as they
// are. Files of one inode become several.
func diskOf(t *testing.T, from, to string) {
	t.Helper()
	type folder struct {
		path string
		info fs.FileInfo
	}
	var folders []folder
	err := filepath.WalkDir(from, func(full string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, full)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case e.IsDir():
			folders = append(folders, folder{target, info})
			return os.MkdirAll(target, 0o700)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(full)
			return errors.Join(err, os.Symlink(link, target))
		}
		b, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(target, b, info.Mode().Perm()), os.Chmod(target, info.Mode().Perm()), os.Chtimes(target, info.ModTime(), info.ModTime()))
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		f := folders[i]
		err = errors.Join(os.Chmod(f.path, f.info.Mode().Perm()), os.Chtimes(f.path, f.info.ModTime(), f.info.ModTime()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settled gives files a time at which nobody takes them for growing.
func settled(t *testing.T, dir string) {
	t.Helper()
	when := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(full string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			err = os.Chtimes(full, when, when)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// At whatever step a pull is killed, the next one ends with what the first would
// have, knows its own files from others, and fetches nothing twice.
func TestPullKilledAnywhere(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 3<<20, 1, true))
	w := p.writer()
	p.steps(w, 2)
	for i := range 6 {
		p.write(fmt.Sprintf("msg/file/%d.bin", i), noise(fmt.Sprint(i), 60_000))
	}
	settled(t, p.path("msg"))
	p.backup()
	u := p.puller()
	u.pull()
	old := filepath.Join(t.TempDir(), "old")
	diskOf(t, u.to, old)

	p.steps(w, 3)
	p.must(os.Remove(p.path("msg/file/1.bin")))
	for i := 2; i < 9; i++ {
		p.write(fmt.Sprintf("msg/file/%d.bin", i), noise(fmt.Sprint("new", i), 50_000))
	}
	p.must(os.Chmod(p.path("msg/file/0.bin"), 0o600))
	settled(t, p.path("msg"))
	p.backup()
	for from, name := range map[string]string{"": "the first pull", old: "a later pull"} {
		t.Run(name, func(t *testing.T) {
			v := *u
			v.place, v.to = p.twin(t), filepath.Join(t.TempDir(), "live")
			if from != "" {
				diskOf(t, from, v.to)
			}
			dead := v.killed(t)
			whole := v.files
			if len(dead) < 20 {
				t.Fatalf("only %d steps", len(dead))
			}
			app := app{v.place}
			for i, d := range dead {
				v.to = d.dir
				v.opt.Mirror = true
				out := v.pull()
				if diffs := (madeup.Restored{}).Compare(p.chats, filepath.Join(v.to, "laptop", p.only[0].Name())); len(diffs) > 0 {
					t.Fatalf("killed at step %d, %s: %v", i, d.what, diffs)
				}
				v.messagesHere(app, w, w.Committed())
				if out.Files+d.done > whole {
					t.Errorf("killed at step %d, %s: %d files came before and %d after, %d in one go", i, d.what, d.done, out.Files, whole)
				}
				if v.pull(); v.down > 0 {
					t.Errorf("killed at step %d, %s: the pull after the next brought %d bytes", i, d.what, v.down)
				}
			}
		})
	}
	p.check(100)
}

// corpse is what a killed pull leaves.
type corpse struct {
	dir, what string
	done      uint64 // files that had their names
}

// killed pulls, and keeps a copy of the folder at each step.
func (u *puller) killed(t *testing.T) (dead []corpse) {
	t.Helper()
	f, err := OpenPullFolder(u.to)
	u.must(err)
	copies := t.TempDir()
	done := uint64(0)
	f.step = func(what string) {
		if strings.HasPrefix(what, "placed ") {
			done++
		}
		c := corpse{filepath.Join(copies, fmt.Sprint(len(dead))), what, done}
		diskOf(t, u.to, c.dir)
		dead = append(dead, c)
	}
	out, err := f.Pull(background, u.bare(), u.opt)
	u.must(errors.Join(err, f.Close()))
	if len(out.Failed)+len(out.Aside) > 0 {
		t.Fatalf("%+v", out)
	}
	u.files = out.Files
	return dead
}

// Whichever read of the remote fails, or finds that nobody wants it any more,
// the pull ends and the next one goes on: all it needs comes once.
func TestPullCut(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 256 << 10
	p.sample()
	p.backup()
	calls := 0
	for get := 1; ; get++ {
		if get%3 > 0 && get > 8 {
			continue
		}
		q := p.twin(t)
		u := q.puller()
		if get%2 == 0 {
			q.memory.Inject(memory.Fault{Method: memory.Get, Name: "packs/", Call: get, Times: -1, Err: providers.ErrTemporary})
		}
		ctx, cancel := context.WithCancel(background)
		if get%2 == 1 {
			q.remote = &cancelling{Remote: q.memory, left: get, cancel: cancel}
		}
		f, err := OpenPullFolder(u.to)
		q.must(err)
		r, err := q.tryBare()
		q.must(err)
		before := q.memory.Calls(memory.Get)
		_, err = f.Pull(ctx, r, PullOptions{})
		cancel()
		q.must(f.Close())
		if err == nil {
			calls = q.memory.Calls(memory.Get) - before
			break
		}
		u.noTemp(u.to)
		q.memory.Heal()
		q.remote = q.memory
		u.place = q
		u.pull()
		u.same()
	}
	if calls < 5 {
		t.Errorf("the whole pull took %d reads: nothing was cut", calls)
	}
	p.check(100)
}

// cancelling cancels at a read.
type cancelling struct {
	*memory.Remote
	mu     sync.Mutex
	left   int
	cancel func()
}

func (c *cancelling) Get(ctx context.Context, name providers.Name, offset, n int64) (io.ReadCloser, error) {
	if strings.HasPrefix(string(name), "packs/") {
		c.mu.Lock()
		if c.left--; c.left == 0 {
			c.cancel()
		}
		c.mu.Unlock()
	}
	return c.Remote.Get(ctx, name, offset, n)
}
