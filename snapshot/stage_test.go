package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// arrivals tells of each object that arrives.
type arrivals struct {
	providers.Remote
	put func(name string)
}

func (w *arrivals) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	info, err := w.Remote.Put(ctx, name, src)
	if err == nil {
		w.put(string(name))
	}
	return info, err
}

// old is when files were written that nobody touches any more.
var old = time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)

// plant makes a file that the app left alone long ago.
func (p app) plant(name string, content []byte) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	p.must(os.WriteFile(p.path(name), content, 0o600))
	p.must(os.Chtimes(p.path(name), old, old))
}

// A first upload of 10 GB over a line of 1 MB a second takes three hours. Its
// messages are restorable after minutes.
func TestMessagesAreSafeFirst(t *testing.T) {
	p := newApp(t, format.Full)
	p.packSize = 0 // as a user's
	p.must(madeup.Database(p.path(messages), 100<<20, 1, true))
	p.must(madeup.Database(p.path("db_storage/message/message_fts.db"), 200<<20, 2, true))
	for i := range 40 {
		name := fmt.Sprintf("msg/video/2024-%02d/%d.mp4", i%12+1, i)
		p.plant(name, noise(fmt.Sprint(i), 1<<20))
		p.must(os.Truncate(p.path(name), 250<<20))
		p.must(os.Chtimes(p.path(name), old, old))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.remote = &arrivals{Remote: p.remote, put: func(name string) {
		if strings.HasPrefix(name, "snapshots/") {
			cancel() // the computer is switched off right then
		}
	}}
	p.memory.SetLine(1<<20, 100*time.Millisecond)
	start := p.memory.Now()
	_, err := p.backupWith(ctx, TakeOptions{Now: p.memory.Now})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	list, err := p.open().Snapshots(context.Background(), format.DeviceID{})
	p.must(err)
	if len(list) != 1 || !list[0].Partial {
		t.Fatalf("%+v", list)
	}
	after := p.memory.Arrived(providers.Name(list[0].Name.String())).Sub(start)
	t.Logf("messages are safe after %v", after)
	if after > 4*time.Minute {
		t.Errorf("messages were safe only after %v", after)
	}
	w := p.writer()
	p.messagesAre(repo.Latest, w, 0)
	p.check(100)
}

// Stages end with time, and each shows something new: nothing starves, and the
// messages of the last stage are those of its own day.
func TestStagesGoOnAndEnd(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 4<<20, 1, true))
	w := p.writer()
	for i := range 60 {
		p.plant(fmt.Sprintf("msg/attach/%032d/2024-01/Img/%d.dat", i%7, i), noise(fmt.Sprint("i", i), 300_000))
		p.plant(fmt.Sprintf("msg/video/2024-01/%d.mp4", i), noise(fmt.Sprint("v", i), 400_000))
	}
	snapshots := 0
	p.remote = &arrivals{Remote: p.remote, put: func(name string) {
		if strings.HasPrefix(name, "snapshots/") {
			snapshots++
			p.must(w.Step()) // life goes on
		}
	}}
	p.memory.SetLine(10_000, 0)
	taken, err := p.tryBackup(TakeOptions{Now: p.memory.Now})
	p.must(err)
	if taken.Snapshot.Partial || taken.Partial < 4 || snapshots != taken.Partial+1 || taken.Counts.New == 0 {
		t.Errorf("%d snapshots: %+v", snapshots, taken)
	}
	list, err := p.open().Snapshots(context.Background(), format.DeviceID{})
	p.must(err)
	var sizes []uint64
	for i, s := range list {
		sizes = append(sizes, s.Counts.Bytes)
		if s.Partial != (i+1 < len(list)) || i > 0 && sizes[i] <= sizes[i-1] {
			t.Errorf("snapshot %d: partial %v, sizes %v", s.Seq, s.Partial, sizes)
		}
	}
	p.messagesAre(repo.Latest, w, w.Committed()-1)
	p.messagesAre("laptop/1", w, 0)
	dir, _ := p.back(repo.Latest, RestoreOptions{})
	live := madeup.Restored{Live: map[string]madeup.Live{messages: {Writer: w, Since: w.Committed() - 1}}}
	if diffs := live.Compare(p.chats, dir); len(diffs) > 0 {
		t.Error(diffs)
	}
	p.check(100)
}

// What will be there soon anyway needs no order: one partial snapshot for the
// messages, and then the rest.
func TestQuickUploadIsTwoStages(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 4<<20, 1, true))
	for i := range 10 {
		p.plant(fmt.Sprintf("msg/attach/%032d/2024-01/Img/%d.dat", i, i), noise(fmt.Sprint("i", i), 300_000))
		p.plant(fmt.Sprintf("msg/video/2024-01/%d.mp4", i), noise(fmt.Sprint("v", i), 400_000))
	}
	p.memory.SetLine(1<<20, 0)
	taken, err := p.tryBackup(TakeOptions{Now: p.memory.Now})
	p.must(err)
	if taken.Partial != 1 || taken.Snapshot.Partial {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()
	p.check(100)
}

// A small first backup is one snapshot.
func TestFewBytesAreOneStage(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.plant("msg/video/2024-01/1.mp4", noise("v", 500_000))
	if taken := p.backup(); taken.Partial != 0 || taken.Snapshot.Partial || taken.Snapshot.Seq != 1 {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()
}

// An upload that was interrupted goes on where it was: no snapshot is made
// that shows nothing new.
func TestInterruptedStages(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	for i := range 20 {
		p.plant(fmt.Sprintf("msg/video/2024-01/%d.mp4", i), noise(fmt.Sprint("v", i), 400_000))
	}
	ctx, cancel := context.WithCancel(context.Background())
	whole := p.remote
	p.remote = &arrivals{Remote: whole, put: func(name string) {
		if strings.HasPrefix(name, "snapshots/") {
			cancel()
		}
	}}
	if _, err := p.backupWith(ctx, TakeOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p.remote = whole
	taken := p.backup()
	if taken.Snapshot.Partial || taken.Snapshot.Seq != 2 {
		t.Errorf("%+v", taken.Snapshot)
	}
	p.restoredApp()
	p.check(100)
}
