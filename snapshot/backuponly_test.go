package snapshot

import (
	"os"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// amnesia leaves a device nothing but its keys.
func (p *place) amnesia() {
	p.t.Helper()
	keys, err := durable.ReadSecret(p.state.Dir() + "/device.json")
	p.must(err)
	entries, err := os.ReadDir(p.state.Dir())
	p.must(err)
	for _, e := range entries {
		if e.Name() != "lock" {
			p.must(os.RemoveAll(p.state.Dir() + "/" + e.Name()))
		}
	}
	p.must(os.RemoveAll(p.cache()))
	p.must(durable.WriteSecret(p.state.Dir()+"/device.json", keys))
}

// A device that only makes backups proves its own objects and everybody's
// heads, whether it remembers anything or not; and its next backup is whole.
func TestBackupOnlyVerifies(t *testing.T) {
	base := backedUp(t, format.Full)
	phone := base.join("phone", format.BackupOnly)
	phone.write("words.txt", words("phone", 400_000))
	phone.write("photo.jpg", noise("phone", 300_000))
	phone.must(madeup.Database(phone.chats+"/msg.db", 1<<20, 1, true))
	phone.backup()
	base.backup()
	phone.write("more.txt", words("more", 1000))
	phone.backup()
	own := phone.ring().Device.ID
	var packs, snapshots, others []format.Name
	for _, n := range phone.names(format.KindPack) {
		if n.Device == own {
			packs = append(packs, n)
		}
	}
	for _, n := range phone.names(format.KindSnapshot) {
		if n.Device == own {
			snapshots = append(snapshots, n)
		} else {
			others = append(others, n)
		}
	}
	for _, remembers := range []bool{true, false} {
		for name, c := range map[string]struct {
			ruin func(*place)
			says func(*repo.Report) bool
		}{
			"nothing": {func(*place) {}, (*repo.Report).OK},
			"its pack is gone": {func(p *place) { p.memory.Drop(object(packs[0])) }, func(rep *repo.Report) bool {
				return slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool {
					return b.Object == packs[0].String() && b.Reason == string(repo.CodeMissing)
				})
			}},
			"its pack is altered": {func(p *place) { p.flip(object(packs[0])) }, func(rep *repo.Report) bool {
				return slices.ContainsFunc(rep.Bad, func(b repo.Bad) bool { return b.Object == packs[0].String() })
			}},
			"its snapshot is altered": {func(p *place) { p.flip(object(snapshots[0])) }, func(rep *repo.Report) bool { return !rep.OK() }},
			"another's newest is gone": {func(p *place) { p.memory.Drop(object(others[len(others)-1])) }, func(rep *repo.Report) bool {
				return slices.ContainsFunc(rep.Alarms, func(a repo.Alarm) bool {
					return a.Code == repo.CodeHeadMissing && a.Device == "laptop" && a.From == uint64(len(others)) && a.To == a.From
				})
			}},
		} {
			t.Run(name, func(t *testing.T) {
				p := phone.twin(t)
				if !remembers {
					p.amnesia()
				}
				c.ruin(p)
				for _, data := range []int{0, 100} {
					if rep := p.report(p.open(), data); !c.says(rep) {
						t.Errorf("data %d: %+v %+v", data, rep.Bad, rep.Alarms)
					}
				}
			})
		}
	}
	p := phone.twin(t)
	p.amnesia()
	p.backup()
	p.check(100)
	out, dir, err := p.restore(p.bare(), "phone/latest")
	p.must(err)
	if diffs := madeup.Compare(p.chats, dir); len(diffs) > 0 || len(out.Failed) > 0 {
		t.Errorf("%v %v", diffs, out.Failed)
	}
}
