package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
)

// hurried is a clock on which a minute passes whenever somebody looks.
func hurried() func() time.Time {
	var looks atomic.Int64
	start := time.Now()
	return func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Minute) }
}

// videos are files of which a pass takes in ten, on a hurried clock.
func (p app) videos(n int) {
	p.t.Helper()
	for i := range n {
		p.plant(fmt.Sprintf("msg/video/2024-01/%02d.mp4", i), noise(fmt.Sprint("v", i), 400_000))
	}
}

// touch changes nothing of the videos but when they were last touched.
func (p app) touch(n int) {
	p.t.Helper()
	for i := range n {
		p.must(os.Chtimes(p.path(fmt.Sprintf("msg/video/2024-01/%02d.mp4", i)), old, old))
	}
}

// interrupted is a backup that ends when its first snapshot arrives.
func (p app) interrupted(o TakeOptions) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	whole := p.remote
	p.remote = &arrivals{Remote: whole, put: func(name string) {
		if strings.HasPrefix(name, "snapshots/") {
			cancel()
		}
	}}
	if _, err := p.backupWith(ctx, o); !errors.Is(err, context.Canceled) {
		p.t.Fatal(err)
	}
	p.remote = whole
}

// Files that have to be read again take longer than a stage, and are what they
// were: each stage goes on where the last one ended.
func TestUnchangedFilesTakeLong(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(40)
	p.backup()
	p.touch(40)
	taken, err := p.tryBackup(TakeOptions{Now: hurried()})
	p.must(err)
	if taken.Snapshot.Partial {
		t.Errorf("%+v", taken)
	}
	p.restoredApp()
	p.check(100)
}

// A dry run keeps nothing, so it has no stages.
func TestDryRunTakesLong(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(40)
	taken, err := p.tryBackup(TakeOptions{Now: hurried(), DryRun: true})
	p.must(err)
	if taken.Counts.New != 41 || taken.Partial != 0 {
		t.Errorf("%+v", taken)
	}
}

// A tree whose walk alone takes longer than a stage is taken in all the same.
func TestSlowWalk(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(40)
	var passed atomic.Int64
	start := time.Now()
	m := &meddling{walks: func() { passed.Add(int64(2 * stageTime)) }}
	p.wrap = m.wrap
	p.find()
	_, err := p.tryBackup(TakeOptions{Now: func() time.Time { return start.Add(time.Duration(passed.Load())) }})
	p.must(err)
	p.restoredApp()
}

// Large files that change in every stage keep none of the others out.
func TestRestlessFilesKeepNobodyOut(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	for _, n := range []string{"a", "b", "c"} {
		p.plant("a/"+n+".log", noise(n, 8<<20))
	}
	p.plant("z/x.log", noise("z", 5<<20))
	stage := 0
	p.remote = &arrivals{Remote: p.remote, put: func(name string) {
		if strings.HasPrefix(name, "snapshots/") {
			stage++
			if stage > 20 {
				t.Fatal("it goes on and on")
			}
			for _, n := range []string{"a", "b", "c"} {
				p.plant("a/"+n+".log", noise(fmt.Sprint(n, stage), 8<<20))
			}
		}
	}}
	p.memory.SetLine(5000, 0)
	_, err := p.tryBackup(TakeOptions{Now: p.memory.Now, Workers: 1})
	p.must(err)
	p.check(100)
}

// Where the listing is lost, what a pass leaves could not stand as it was. No
// snapshot lacks it.
func TestStagesWithoutListing(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		for _, how := range []string{"lost", "damaged"} {
			t.Run(role.String()+" "+how, func(t *testing.T) {
				p := newApp(t, role)
				p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
				p.videos(40)
				before := p.backup().Snapshot.Seq
				if how == "lost" {
					p.must(os.RemoveAll(filepath.Join(p.state.Dir(), "listing")))
				} else {
					files, err := filepath.Glob(filepath.Join(p.state.Dir(), "listing", "*", "*.list"))
					p.must(err)
					for _, f := range files {
						p.must(os.Truncate(f, 10))
					}
				}
				p.touch(40)
				_, err := p.tryBackup(TakeOptions{Now: hurried()})
				p.must(err)
				list, err := p.open().Snapshots(context.Background(), format.DeviceID{})
				p.must(err)
				for _, s := range list {
					if s.Seq > before && s.Counts.Files < 41 {
						t.Errorf("snapshot %d has %d files", s.Seq, s.Counts.Files)
					}
				}
				p.restoredApp()
				p.check(100)
			})
		}
	}
}

// A renamed folder is gone under its old name and, while files are left, not yet
// there under the new one.
func TestRenamedIsNoShrink(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(40)
	p.backup()
	p.must(os.Rename(p.path("msg/video/2024-01"), p.path("msg/video/2024-02")))
	taken, err := p.tryBackup(TakeOptions{Now: hurried()})
	p.must(err)
	if taken.Snapshot.ShrunkAt != 0 || len(taken.Flagged) > 0 || taken.Partial == 0 {
		t.Errorf("%+v %v", taken.Flagged, taken.Partial)
	}
	p.restoredApp()
}

// An account that is not looked at stays as incomplete as it was.
func TestOnlyAfterInterruption(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(20)
	p.write("../other/x", noise("x", 1000))
	p.only = append(p.only, p.folder("other", filepath.Join(p.dir, "other")))
	p.interrupted(TakeOptions{})
	taken, err := p.tryBackup(TakeOptions{Only: []string{"other"}})
	p.must(err)
	if !taken.Snapshot.Partial {
		t.Error("videos are missing, and the snapshot says it is whole")
	}
	if taken := p.backup(); taken.Snapshot.Partial {
		t.Error("partial")
	}
	p.restoredApp()
}
