package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
)

// What loses more than half is kept as it is now, flagged, and stays flagged
// in every snapshot until a person has confirmed it.
func TestShrinkIsAnAlarm(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		t.Run(role.String(), func(t *testing.T) { shrinks(t, newApp(t, role)) })
	}
}

func shrinks(t *testing.T, p app) {
	ctx := context.Background()
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	for _, name := range []string{"a", "b", "c"} {
		p.plant("msg/video/2024-01/"+name+".mp4", noise(name, 300_000))
	}
	p.backup()
	p.must(os.Remove(p.path("msg/video/2024-01/a.mp4")))
	if taken := p.backup(); len(taken.Flagged) > 0 || taken.Snapshot.ShrunkAt != 0 {
		t.Errorf("a third less: %+v", taken.Flagged)
	}

	p.must(os.Remove(p.path(messages)))
	p.must(madeup.Database(p.path(messages), 1<<19, 2, true))
	p.must(os.Remove(p.path("msg/video/2024-01/b.mp4")))
	p.must(os.Truncate(p.path("msg/video/2024-01/c.mp4"), 1000))
	p.must(os.Chtimes(p.path("msg/video/2024-01/c.mp4"), old, old))
	name := p.only[0].Name()
	want := []format.Remark{
		{Source: name, Path: messages, Reason: ReasonShrunk},
		{Source: name, Path: "messages", Reason: ReasonShrunkCategory},
		{Source: name, Path: "videos", Reason: ReasonShrunkCategory},
	}
	for range 3 {
		taken := p.backup()
		if taken.Snapshot.ShrunkAt != 3 || !sameRemarks(taken.Flagged, want) {
			t.Errorf("snapshot %d: shrunk at %d: %+v", taken.Snapshot.Seq, taken.Snapshot.ShrunkAt, taken.Flagged)
		}
	}
	p.restoredApp()

	r := p.open()
	head, err := r.Head(ctx, r.Device().ID)
	p.must(err)
	p.must(r.ConfirmShrink(ctx, head))
	taken := p.backup()
	if taken.Snapshot.ShrunkAt != 0 || len(taken.Flagged) > 0 || len(taken.Snapshot.Records) != 1 {
		t.Errorf("after the confirmation: %+v %+v", taken.Snapshot, taken.Flagged)
	}
	p.must(os.Remove(p.path("msg/video/2024-01/c.mp4")))
	if taken := p.backup(); taken.Snapshot.ShrunkAt != 0 {
		t.Error("a kilobyte is no alarm")
	}
	p.check(100)
}

func sameRemarks(got, want []format.Remark) bool {
	return len(got) == len(want) && !slices.ContainsFunc(want, func(m format.Remark) bool { return !slices.Contains(got, m) })
}

// A confirmation is about what was there to be seen: what shrinks later is an
// alarm of its own.
func TestConfirmationOfAnotherShrink(t *testing.T) {
	p := newApp(t, format.Full)
	ctx := context.Background()
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	p.backup()
	r := p.open()
	head, err := r.Head(ctx, r.Device().ID)
	p.must(err)
	p.must(r.ConfirmShrink(ctx, head))
	p.must(os.Remove(p.path(messages)))
	p.must(madeup.Database(p.path(messages), 1<<19, 2, true))
	for range 2 {
		if taken := p.backup(); taken.Snapshot.ShrunkAt != 2 {
			t.Errorf("shrunk at %d", taken.Snapshot.ShrunkAt)
		}
	}
	p.check(100)
}

// What the user leaves out is no alarm.
func TestLeftOutIsNoShrink(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.must(madeup.Database(p.path("db_storage/message/message_fts.db"), 2<<20, 1, true))
	p.backup()
	p.must(os.Remove(p.path("db_storage/message/message_fts.db")))
	taken, err := p.tryBackup(TakeOptions{LeftOut: []string{"search_index"}})
	p.must(err)
	if len(taken.Flagged) > 0 || taken.Snapshot.ShrunkAt != 0 {
		t.Errorf("%+v", taken.Flagged)
	}
}

// A device that was shut out may be in the hands of whoever deleted something.
func TestRevokedDeviceConfirmsNothing(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	p.backup()
	other := p.join("phone", format.Full)
	p.must(os.Remove(p.path(messages)))
	p.must(madeup.Database(p.path(messages), 1<<19, 2, true))
	shrunk := p.backup()
	p.must(other.open().ConfirmShrink(background, shrunk.Snapshot))
	id := other.ring().Device.ID
	p.nextRoster(func(r *format.Roster) {
		for i := range r.Devices {
			r.Devices[i].Revoked = r.Devices[i].Revoked || r.Devices[i].ID == id
		}
	})
	if taken := p.backup(); taken.Snapshot.ShrunkAt == 0 {
		t.Error("a device that was shut out has ended the alarm")
	}
}

// A database that shrinks while the listing is lost is an alarm as well.
func TestShrinkWithoutListing(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 2<<20, 1, true))
	p.backup()
	p.must(os.RemoveAll(filepath.Join(p.state.Dir(), "listing")))
	p.must(os.Remove(p.path(messages)))
	p.must(madeup.Database(p.path(messages), 1<<19, 2, true))
	if taken := p.backup(); taken.Snapshot.ShrunkAt != 2 {
		t.Errorf("shrunk at %d", taken.Snapshot.ShrunkAt)
	}
	p.check(100)
}
