package snapshot

import (
	"testing"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
)

// A dry run sends nothing, not even a publication that an earlier run left.
func TestDryRunSendsNothing(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", []byte("first"))
	p.backup()
	p.write("b.txt", []byte("second"))
	// Pack and index arrive, the snapshot doesn't: it is left for the next run.
	p.memory.Inject(memory.Fault{Method: memory.Put, Call: 3, Times: 100, Err: providers.ErrTemporary})
	if _, err := p.tryBackup(TakeOptions{}); err == nil {
		t.Fatal("the fault did not happen")
	}
	p.memory.Heal()
	puts := p.memory.Calls(memory.Put)
	if _, err := p.tryBackup(TakeOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if n := p.memory.Calls(memory.Put) - puts; n != 0 {
		t.Errorf("a dry run put %d objects", n)
	}
	if next := p.backup(); next.Snapshot.Seq < 2 {
		t.Errorf("the next snapshot is %d", next.Snapshot.Seq)
	}
	p.check(100)
	p.restored()
}

// A person's own file beside the repository's folders is no damage; a strange
// name inside them is, since nobody but a device puts anything there.
func TestOwnFilesBesideARepository(t *testing.T) {
	p := newPlace(t, format.Full)
	p.write("a.txt", []byte("first"))
	p.backup()
	p.memory.SetBytes("desktop.ini", []byte("mine"))
	p.check(100)
	p.memory.SetBytes("packs/0/strange.age", []byte("who put this here?"))
	if rep := p.report(p.open(), 0); rep.OK() || rep.Bad[0].Object != "packs/0/strange.age" {
		t.Errorf("%+v", rep.Bad)
	}
}
