package snapshot

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// A pack that a check finds missing or damaged is made good by the next
// backup, from the files that are still on the device.
func TestLostPackIsStoredAgain(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		base := newPlace(t, role)
		base.packSize = 256 << 10
		base.sample()
		base.backup()
		ruins := map[string]func(*place, format.Name){
			"missing": func(p *place, n format.Name) { p.memory.Drop(object(n)) },
			"flipped": func(p *place, n format.Name) { p.flip(object(n)) },
		}
		for how, ruin := range ruins {
			for i, pack := range base.names(format.KindPack) {
				names := slices.ContainsFunc(base.contents(pack), func(e format.ContentsEntry) bool { return e.Kind != format.ChunkData })
				t.Run(role.String()+" "+how, func(t *testing.T) {
					t.Parallel()
					p := base.twin(t)
					ruin(p, pack)
					p.heals(pack, i%2 == 0, names)
				})
			}
		}
	}
}

// heals makes the backup that repairs the loss of a pack. If it held names or
// lists of chunks, those of the first snapshot may be gone for good, and the
// check goes on saying so; what it passes can be restored.
func (p *place) heals(pack format.Name, data, names bool) {
	p.t.Helper()
	depth := 0
	if data {
		depth = 100
	}
	rep := p.report(p.open(), depth)
	if !slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return b.Object == pack.String() }) {
		p.t.Fatalf("the check does not name %s: %v", pack, rep.Bad)
	}
	p.backup()
	p.restored()
	rep = p.report(p.open(), 100)
	if !rep.OK() && !names {
		p.t.Errorf("after the repair: %+v %+v; the first snapshot lost names: %v", rep.Bad, rep.Alarms, names)
	}
	if again := p.backup(); again.Counts.Objects != 1 {
		p.t.Errorf("the repair is repeated: %+v", again.Counts)
	}
	if rep.OK() {
		r := p.bare()
		out, dir, err := p.restore(r, "laptop/1")
		p.must(err)
		p.intact(dir, p.failures(out)...)
		if len(out.Failed) > 0 {
			p.t.Errorf("the snapshot before the loss: %v", out.Failed)
		}
	}
}

// What is lost stays known as lost while snapshots carry it over.
func TestLostPacksAndStages(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(40)
	p.backup()
	for _, n := range p.names(format.KindPack) {
		p.flip(object(n))
	}
	p.report(p.open(), 100)
	_, err := p.tryBackup(TakeOptions{Now: hurried()})
	p.must(err)
	p.restoredApp()
}

// So it does in a backup that looks at another account.
func TestLostPacksAndOnly(t *testing.T) {
	p := newApp(t, format.Full)
	p.must(madeup.Database(p.path(messages), 1<<20, 1, true))
	p.videos(4)
	p.write("../other/x", noise("x", 1000))
	p.only = append(p.only, p.folder("other", filepath.Join(p.dir, "other")))
	p.backup()
	for _, n := range p.names(format.KindPack) {
		p.flip(object(n))
	}
	p.report(p.open(), 100)
	for range 2 {
		_, err := p.tryBackup(TakeOptions{Only: []string{"other"}})
		p.must(err)
		p.report(p.open(), 100)
	}
	p.backup()
	p.restoredApp()
	if again := p.backup(); again.Counts.Objects != 1 {
		t.Errorf("%+v", again.Counts)
	}
}
