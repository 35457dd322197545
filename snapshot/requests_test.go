package snapshot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Requests are what a cloud counts: a backup and a restore make few, however
// many files there are.
func TestFewRequests(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 64 << 20
	for i := range 1500 {
		dir := filepath.Join(p.chats, fmt.Sprintf("chat-%02d", i%30))
		p.must(os.MkdirAll(dir, 0o755))
		p.must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.txt", i)), fmt.Appendf(nil, "message %d", i), 0o600))
	}
	p.backup()

	before := p.memory.Calls("")
	p.backup()
	if n := p.memory.Calls("") - before; n > 6 {
		t.Errorf("a backup with nothing changed made %d requests", n)
	}

	p.must(os.WriteFile(filepath.Join(p.chats, "chat-07", "new.txt"), []byte("new"), 0o600))
	puts := p.memory.Calls(memory.Put)
	taken := p.backup()
	if n := p.memory.Calls(memory.Put) - puts; n != 3 || taken.Counts.Objects != 3 {
		t.Errorf("one new file took %d objects, said to be %d", n, taken.Counts.Objects)
	}

	gets := p.memory.Calls(memory.Get)
	p.restored()
	if n := p.memory.Calls(memory.Get) - gets; n > 20 {
		t.Errorf("restoring 1,501 small files took %d reads", n)
	}
	p.check(100)
}

// One small file, on a computer that has seen nothing: only what leads to it
// is read.
func TestOneFileCold(t *testing.T) {
	p := newPlace(t, format.Full)
	p.packSize = 64 << 20
	for i := range 3000 {
		p.must(os.WriteFile(filepath.Join(p.chats, fmt.Sprintf("%04d.bin", i)), noise(fmt.Sprint(i), 4000), 0o600))
	}
	p.backup()
	ctx := context.Background()
	r, err := repo.Open(ctx, p.remote, repo.Options{Recovery: p.recovery})
	p.must(err)
	before := p.memory.Calls(memory.Get)
	s, err := r.Find(ctx, repo.Latest)
	p.must(err)
	out, err := Restore(ctx, r, s, RestoreOptions{To: filepath.Join(t.TempDir(), "r"), Include: []string{"chats/1234.bin"}})
	p.must(err)
	if out.Files != 1 || out.Downloaded > 1<<20 {
		t.Errorf("%d files, %d bytes downloaded", out.Files, out.Downloaded)
	}
	if n := p.memory.Calls(memory.Get) - before; n > 6 {
		t.Errorf("%d reads for one file", n)
	}
}
