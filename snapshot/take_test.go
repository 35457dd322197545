package snapshot

import (
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
)

func TestBackupGrowsAndRestores(t *testing.T) {
	p := newPlace(t, format.Full)
	_, err := madeup.Generate(p.chats, madeup.Demo)
	p.must(err)
	first := p.backup()
	t.Logf("%+v %.2fs", first.Counts, first.Seconds)
	p.check(100)
	p.restored()
	for day := 1; day < 4; day++ {
		_, err = madeup.Grow(p.chats, madeup.Demo, day)
		p.must(err)
		next := p.backup()
		t.Logf("%+v %.2fs", next.Counts, next.Seconds)
		p.check(100)
		p.restored()
	}
	again := p.backup()
	t.Logf("%+v %.2fs", again.Counts, again.Seconds)
	if c := again.Counts; c.Objects != 1 || c.New+c.Changed+c.Removed != 0 {
		t.Errorf("nothing changed, yet %+v", c)
	}
	p.check(100)
	p.restored()
}
