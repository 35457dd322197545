package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
)

// chance is a series of things that happen to two devices and to the folder
// that is kept of them.
type chance struct {
	*puller
	r       *rand.Rand
	devices []*place
	backed  []bool // the last snapshot of a device has its chats as they are
	log     []string
	aside   int
}

func (c *chance) note(f string, args ...any) { c.log = append(c.log, fmt.Sprintf(f, args...)) }

// some is one of the names that chats may have.
func (c *chance) some() string {
	names := []string{"a.txt", "b.bin", "dir/c.txt", "dir/d.bin", "dir/deep/e.txt", "other/f.txt", "x.db", "dir/y.db", "other", "dir/deep"}
	return names[c.r.IntN(len(names))]
}

// change changes the chats of a device.
func (c *chance) change(d int) {
	p, name := c.devices[d], c.some()
	c.backed[d] = false
	full := filepath.Join(p.chats, filepath.FromSlash(name))
	size := 1 + c.r.IntN(200_000)
	seed := fmt.Sprint(c.r.Uint64())
	switch what := c.r.IntN(8); {
	case what == 0:
		c.note("%d: remove %s", d, name)
		if err := os.RemoveAll(full); err != nil && !missing(err) {
			p.must(err)
		}
	case what == 1:
		c.note("%d: mode of %s", d, name)
		if err := os.Chmod(full, fs.FileMode(0o700|c.r.IntN(64))); err != nil && !missing(err) {
			p.must(err)
		}
	case what == 2:
		to := filepath.Join(p.chats, filepath.FromSlash(c.some()))
		c.note("%d: link %s to %s", d, name, to)
		if info, err := os.Lstat(full); err == nil && info.Mode().IsRegular() && free(to) {
			p.must(os.MkdirAll(filepath.Dir(to), 0o755))
			p.must(os.Link(full, to))
		}
	case what == 3 && free(full):
		c.note("%d: symlink %s", d, name)
		p.must(os.MkdirAll(filepath.Dir(full), 0o755))
		p.must(os.Symlink("nowhere/"+seed, full))
	case strings.HasSuffix(name, ".db"):
		c.note("%d: database %s", d, name)
		c.database(p, full)
	case what < 6:
		c.note("%d: write %s, %d", d, name, size)
		c.put(p, full, noise(seed, size))
	default:
		c.note("%d: change %s", d, name)
		if b, err := os.ReadFile(full); err == nil {
			c.put(p, full, append(b[:c.r.IntN(len(b)+1)], words(seed, size)...))
		}
	}
}

func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "not a directory")
}

// free reports whether a file can be made: no folder and no file stands there or
// above.
func free(full string) bool {
	if _, err := os.Lstat(full); err == nil {
		return false
	}
	for dir := filepath.Dir(full); ; dir = filepath.Dir(dir) {
		if info, err := os.Lstat(dir); err == nil {
			return info.IsDir()
		}
	}
}

func (c *chance) put(p *place, full string, b []byte) {
	if info, err := os.Lstat(full); err == nil && !info.Mode().IsRegular() || err != nil && !free(full) {
		if err := os.RemoveAll(full); err != nil && !missing(err) {
			p.must(err)
		}
		if !free(full) {
			return
		}
	}
	p.must(os.MkdirAll(filepath.Dir(full), 0o755))
	p.must(os.WriteFile(full, b, 0o644))
}

func (c *chance) database(p *place, full string) {
	b, err := os.ReadFile(full)
	if err != nil || len(b) < 1<<20 || c.r.IntN(6) == 0 {
		if info, err := os.Lstat(full); err == nil && !info.Mode().IsRegular() || err != nil && !free(full) {
			return
		}
		p.must(os.MkdirAll(filepath.Dir(full), 0o755))
		_ = os.Remove(full) // it may not be there
		p.must(madeup.Database(full, 2<<20, c.r.Uint64(), true))
		return
	}
	for range 1 + c.r.IntN(20) {
		at := 4096 * (1 + c.r.IntN(len(b)/4096-1))
		copy(b[at:at+4096], noise(fmt.Sprint(c.r.Uint64()), 4096))
	}
	if c.r.IntN(4) == 0 {
		b = b[:4096*(len(b)/4096-c.r.IntN(100))]
	}
	p.must(os.WriteFile(full, b, 0o644))
}

// here changes the folder that pull keeps.
func (c *chance) here() {
	full := filepath.Join(c.to, []string{"laptop", "tower"}[c.r.IntN(2)], "chats", filepath.FromSlash(c.some()))
	switch c.r.IntN(5) {
	case 0:
		c.note("here: remove %s", full)
		if err := os.RemoveAll(full); err != nil && !missing(err) {
			c.must(err)
		}
	case 1:
		c.note("here: spoil the memory")
		c.aside++ // what is pull's is not known any more
		if err := spoilAll(filepath.Join(c.to, PullMemory), []string{"list", "nodes"}[c.r.IntN(2)]); err != nil && !missing(err) {
			c.must(err)
		}
	case 2:
		c.note("here: forget everything")
		c.must(os.RemoveAll(filepath.Join(c.to, PullMemory)))
		c.aside++
	default:
		info, err := os.Lstat(full)
		if err != nil || !info.Mode().IsRegular() {
			return
		}
		c.note("here: write %s", full)
		c.aside++
		c.must(os.Remove(full)) // other names of it stay as they are
		c.must(os.WriteFile(full, noise(fmt.Sprint(c.r.Uint64()), 1000), 0o644))
	}
}

func (c *chance) backup(d int) {
	c.note("%d: backup", d)
	c.devices[d].backup()
	c.backed[d] = true
}

// interrupted pulls and is stopped on its way.
func (c *chance) interrupted() {
	c.note("an interrupted pull")
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	f, err := OpenPullFolder(c.to)
	c.must(err)
	left := c.r.IntN(12)
	f.step = func(string) {
		if left--; left == 0 {
			cancel()
		}
	}
	_, err = f.Pull(ctx, c.bare(), c.opt)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.t.Fatal(err)
	}
	c.must(f.Close())
}

// pulled pulls, and holds the folder against what was backed up.
func (c *chance) pulled() {
	c.opt.Mirror = true
	c.note("pull")
	out, r, err := c.try()
	c.must(err)
	if len(out.Failed)+len(r.Alarms()) > 0 {
		c.fail("failed %+v, alarms %v", out.Failed, r.Alarms())
	}
	c.tidy()
	if len(out.Aside) > 0 && c.aside == 0 {
		c.note("aside: %v", out.Aside)
	}
	for _, a := range out.Aside {
		c.must(os.RemoveAll(filepath.Join(c.to, filepath.FromSlash(a.To))))
	}
	for d, name := range []string{"laptop", "tower"} {
		if !c.backed[d] {
			continue
		}
		var bad []string
		for _, diff := range madeup.Compare(c.devices[d].chats, filepath.Join(c.to, name, "chats")) {
			// what pull no longer knew as its own stays, and times of folders
			// are those of what was removed here
			if !strings.Contains(diff, "not expected") && !strings.Contains(diff, ": time ") || c.aside == 0 && len(out.Held) == 0 {
				bad = append(bad, diff)
			}
		}
		if len(bad) > 0 {
			c.fail("%s: %q", name, bad)
		}
	}
	if len(out.Held) == 0 && c.aside > 0 {
		c.note("begin anew")
		c.must(os.RemoveAll(c.to))
		c.aside = 0
		c.pulled()
	}
}

func (c *chance) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf(format+"\n%s", append(args, strings.Join(c.log[max(0, len(c.log)-40):], "\n"))...)
}

// Whatever happens to the chats and to the folder, a pull ends with what was
// backed up last.
func TestPullRandom(t *testing.T) {
	rounds := 6
	if racing {
		rounds = 1
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := newPlace(t, format.Full)
			p.packSize = 512 << 10
			q := p.join("tower", format.Full)
			c := &chance{puller: p.puller(), r: rand.New(rand.NewPCG(seed, 9)), devices: []*place{p, q}, backed: make([]bool, 2)}
			for range 60 {
				switch c.r.IntN(9) {
				case 0, 1, 2, 3:
					c.change(c.r.IntN(2))
				case 4, 5:
					c.backup(c.r.IntN(2))
				case 6:
					c.here()
				case 7:
					c.interrupted()
				default:
					c.pulled()
				}
			}
			c.backup(0)
			c.backup(1)
			c.pulled()
			p.check(100)
		})
	}
}
