package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// narrow is a remote that takes a number of bytes of packs a day.
type narrow struct {
	providers.Remote
	left  *int64
	asked int
	class error
}

func (n *narrow) Room(context.Context) (int64, error) {
	n.asked++
	return *n.left, n.refusal()
}

func (n *narrow) refusal() error { return providers.Fail(n.class, nil) }

func (n *narrow) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	if strings.HasPrefix(string(name), "packs/") {
		if *n.left < src.Size() {
			return providers.Info{}, n.refusal()
		}
		*n.left -= src.Size()
	}
	return n.Remote.Put(ctx, name, src)
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
	for day := range 9 {
		left = 5 << 20
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
