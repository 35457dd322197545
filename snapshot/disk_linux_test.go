package snapshot

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/internal/needs"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// smallDisk is a folder that holds only so many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	needs.Have(t, needs.Root, needs.Namespaces)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A restore that can't fit is refused before it begins.
func TestRestoreToFullDisk(t *testing.T) {
	p := newPlace(t, format.Full)
	p.sample()
	p.backup()
	p.check(100)
	disk := smallDisk(t, 1<<20)
	to := filepath.Join(disk, "to")
	_, err := p.restoreTo(background, RestoreOptions{To: to})
	p.wantCode(err, CodeTargetFull)
	if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made: %v", err)
	}
}

// A disk that fills up during a restore costs the files that have no room, by
// name, and leaves no half ones.
func TestRestoreFillsDisk(t *testing.T) {
	p := newPlace(t, format.Full)
	p.sample()
	p.backup()
	p.check(100)
	disk := smallDisk(t, 1<<20)
	out, err := p.restoreTo(background, RestoreOptions{To: disk, Include: []string{"chats/*"}}) // a choice is not measured beforehand
	p.must(err)
	if len(out.Failed) == 0 {
		t.Fatal("nothing failed")
	}
	for _, f := range out.Failed {
		if f.Damaged || !errors.Is(f.Err, syscall.ENOSPC) {
			t.Errorf("%s: %v", f.Path, f.Err)
		}
	}
	for _, d := range madeup.Compare(p.chats, filepath.Join(disk, "chats")) {
		if !strings.Contains(d, "missing") {
			t.Error(d)
		}
	}
}

// A local disk that is full stops a backup with a clear code; what was there
// stays good, and with room again the next backup does it all.
func TestBackupWithoutRoom(t *testing.T) {
	for _, where := range []string{"cache", "state"} {
		t.Run(where, func(t *testing.T) {
			p := newPlace(t, format.Full)
			p.write("a.txt", words("a", 100))
			p.backup()
			disk := smallDisk(t, 2<<20)
			at := filepath.Join(p.dir, where)
			if where == "state" {
				copyTree(t, at, disk)
				p.must(p.state.Close())
			}
			p.must(os.RemoveAll(at))
			p.must(os.Symlink(disk, at))
			if where == "state" {
				p.openState()
			}
			ballast := filepath.Join(disk, "ballast")
			p.fill(ballast)
			p.write("b.jpg", noise("b", 1_500_000))
			_, err := p.tryBackup(TakeOptions{})
			p.wantCode(err, repo.CodeLocalFull)
			r := p.bare()
			out, dir, err := p.restore(r, repo.Latest)
			p.must(err)
			p.intact(dir, append(p.failures(out), "b.jpg")...)
			p.must(os.Remove(ballast))
			p.backup()
			p.restored()
			p.check(100)
		})
	}
}

// fill writes a file until its disk is full.
func (p *place) fill(name string) {
	p.t.Helper()
	f, err := os.Create(name)
	p.must(err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		p.t.Fatal(err)
	}
	p.must(f.Close())
}

// Attributes come back where the file system takes them.
func TestExtendedAttributes(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("dir/a.txt", words("a", 100))
	full := filepath.Join(p.chats, "dir", "a.txt")
	var refused *xattr.Error
	if err := xattr.Set(full, "user.note", []byte("seen\x00by")); errors.As(err, &refused) {
		t.Logf("no attributes here: %v", err)
		return
	}
	p.must(xattr.Set(filepath.Join(p.chats, "dir"), "user.folder", []byte("x")))
	p.backup()
	p.must(xattr.Set(full, "user.note", []byte("changed")))
	if c := p.backup().Counts; c.Changed != 1 {
		t.Errorf("%+v", c)
	}
	to := t.TempDir()
	_, err := p.restoreTo(background, RestoreOptions{To: to})
	p.must(err)
	for name, want := range map[string]string{"dir/a.txt user.note": "changed", "dir user.folder": "x"} {
		file, attr, _ := strings.Cut(name, " ")
		if b, err := xattr.Get(filepath.Join(to, "chats", file), attr); string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	p.check(100)
}

// Fifos and sockets are named, never opened.
func TestSpecialFiles(t *testing.T) {
	p := newPlace(t, format.Full)
	short, err := os.MkdirTemp("", "s") // a socket's path must be short
	p.must(err)
	defer os.RemoveAll(short)
	p.chats = short
	p.write("a.txt", words("a", 10))
	p.must(unix.Mkfifo(filepath.Join(short, "fifo"), 0o600))
	l, err := net.Listen("unix", filepath.Join(short, "socket"))
	p.must(err)
	defer l.Close()
	taken := p.backup()
	p.wantRemarks("skipped", texts(taken.Skipped), "chats/fifo special", "chats/socket special")
	out, dir, err := p.restore(p.bare(), repo.Latest)
	p.must(err)
	p.intact(dir, append(p.failures(out), "fifo", "socket")...)
	p.check(100)
}
