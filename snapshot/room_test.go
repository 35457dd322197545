package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// narrow is a remote that takes a number of bytes of packs a day.
type narrow struct {
	providers.Remote
	mu    sync.Mutex // uploads go on side by side
	left  *int64
	asked int
	class error
}

func (n *narrow) Room(context.Context) (int64, error) {
	n.asked++
	n.mu.Lock()
	defer n.mu.Unlock()
	return *n.left, n.refusal()
}

func (n *narrow) refusal() error { return providers.Fail(n.class, nil) }

func (n *narrow) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	if !n.admit(name, src.Size()) {
		return providers.Info{}, n.refusal()
	}
	return n.Remote.Put(ctx, name, src)
}

// admit takes what a pack needs from what is left.
func (n *narrow) admit(name providers.Name, size int64) bool {
	if !strings.HasPrefix(string(name), "packs/") {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if *n.left < size {
		return false
	}
	*n.left -= size
	return true
}

// A limit on what is sent stops a backup where it leaves something to restore:
// each day's snapshot holds what is complete, and nothing is sent twice.
func TestRoom(t *testing.T) {
	for _, class := range []error{providers.ErrLimit, providers.ErrQuota} {
		t.Run(class.Error(), func(t *testing.T) {
			p := newPlace(t, format.Full)
			left := int64(0)
			n := &narrow{Remote: p.memory, left: &left, class: class}
			p.remote = n
			const files, size = 40, 500_000
			for i := range files {
				p.must(os.WriteFile(filepath.Join(p.chats, fmt.Sprintf("%02d.jpg", i)), noise(fmt.Sprint(i), size), 0o600))
			}
			before, days := uint64(0), 0
			for done := false; !done; days++ {
				if days > 6 {
					t.Fatal("it takes for ever")
				}
				left = 6 << 20
				taken := p.backup()
				done = taken.Stopped == nil
				if !done && !errors.Is(taken.Stopped, class) {
					t.Fatal(taken.Stopped)
				}
				if taken.Counts.Files <= before || taken.Snapshot.Partial == done {
					t.Fatalf("day %d: %d files, %d before, partial %v, done %v", days, taken.Counts.Files, before, taken.Snapshot.Partial, done)
				}
				if want := (files - taken.Counts.Files) * size; taken.Left != want {
					t.Errorf("day %d: %d bytes are said to be left, it is %d", days, taken.Left, want)
				}
				before = taken.Counts.Files
				p.check(100)
			}
			if days < 4 {
				t.Errorf("%d days for 20 MB at 6 MiB a day", days)
			}
			p.restored()
		})
	}
}

// A file that is larger than a whole day's limit arrives over several days.
func TestRoomForALargeFile(t *testing.T) {
	p := newPlace(t, format.Full)
	left := int64(0)
	p.remote = &narrow{Remote: p.memory, left: &left, class: providers.ErrLimit}
	p.must(os.WriteFile(filepath.Join(p.chats, "video.mp4"), noise("video", 20<<20), 0o600))
	for day := range 30 {
		left = 6 << 20
		taken, err := p.tryBackup(TakeOptions{})
		if err == nil && taken.Stopped == nil {
			if day < 3 {
				t.Errorf("it took %d days", day+1)
			}
			p.restored()
			return
		}
		if err != nil && !errors.Is(err, providers.ErrLimit) {
			t.Fatal(err)
		}
	}
	t.Error("it never arrives")
}

// While a large file is on its way for days, each day's backup holds what else
// there is.
func TestRestBesideALargeFile(t *testing.T) {
	p := newPlace(t, format.Full)
	left := int64(0)
	p.remote = &narrow{Remote: p.memory, left: &left, class: providers.ErrLimit}
	p.must(os.WriteFile(filepath.Join(p.chats, "aa.mp4"), noise("video", 32<<20), 0o600))
	for day := range 30 {
		left = 8 << 20
		for hour := range 2 {
			p.must(os.WriteFile(filepath.Join(p.chats, fmt.Sprintf("note-%d-%d.txt", day, hour)), noise(fmt.Sprint(day, hour), 100), 0o600))
			taken, err := p.tryBackup(TakeOptions{})
			if err != nil {
				t.Fatalf("day %d, %d: %v", day, hour, err)
			}
			if taken.Stopped == nil {
				if day < 3 {
					t.Errorf("it took %d days", day+1)
				}
				p.check(100)
				p.restored()
				return
			}
			if want := uint64(2*day + hour + 1); taken.Counts.Files != want || !errors.Is(taken.Stopped, providers.ErrLimit) {
				t.Fatalf("day %d: %d files of %d, stopped by %v", day, taken.Counts.Files, want, taken.Stopped)
			}
		}
	}
	t.Error("it never arrives")
}

// An account that has no room for a large file is not filled up with a part of
// it, and takes what is smaller.
func TestTooLargeForTheAccount(t *testing.T) {
	p := newPlace(t, format.Full)
	left := int64(5 << 20)
	p.remote = &narrow{Remote: p.memory, left: &left, class: providers.ErrQuota}
	p.must(os.WriteFile(filepath.Join(p.chats, "aa.mp4"), noise("video", 20<<20), 0o600))
	for i := range 4 {
		p.must(os.WriteFile(filepath.Join(p.chats, fmt.Sprintf("photo-%d.jpg", i)), noise(fmt.Sprint(i), 200_000), 0o600))
		taken := p.backup()
		if want := uint64(i + 1); taken.Counts.Files != want || !errors.Is(taken.Stopped, providers.ErrQuota) || taken.Left != 20<<20 {
			t.Fatalf("%d files of %d, %d bytes left, stopped by %v", taken.Counts.Files, want, taken.Left, taken.Stopped)
		}
	}
	if left < 3<<20 {
		t.Errorf("%d bytes are left of the account", left)
	}
	left = 30 << 20
	if taken := p.backup(); taken.Stopped != nil {
		t.Error(taken.Stopped)
	}
	p.restored()
}

// A small backup asks for no room: that would be one more request each time.
func TestSmallBackupAsksNoRoom(t *testing.T) {
	p := newPlace(t, format.Full)
	left := int64(1 << 30)
	n := &narrow{Remote: p.memory, left: &left, class: providers.ErrLimit}
	p.remote = n
	p.must(os.WriteFile(filepath.Join(p.chats, "note.txt"), []byte("note"), 0o600))
	p.backup()
	p.backup()
	if n.asked > 0 {
		t.Errorf("it asked %d times", n.asked)
	}
}
