package snapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/internal/needs"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// byHand is a place whose remote is a folder, and what docs/recover.py is
// given besides: the recovery key in a file.
type byHand struct {
	*place
	folder string
	key    string
	before string // the chats as they were at the first of two backups
}

func newByHand(t *testing.T) *byHand {
	t.Helper()
	needs.Have(t, needs.Python3, needs.Zstd)
	t.Parallel() // it waits for programs most of the time
	dir := t.TempDir()
	h := &byHand{folder: filepath.Join(dir, "remote"), key: filepath.Join(dir, "recovery.key"), before: filepath.Join(dir, "before")}
	h.place = &place{t: t, dir: dir, chats: filepath.Join(dir, "chats"), packSize: 1 << 20}
	ctx := context.Background()
	var err error
	h.remote, err = cloud.Open(ctx, providers.Place{Type: "local", Path: h.folder}, cloud.Options{})
	h.must(err)
	h.recovery, err = crypto.GenerateIdentity()
	h.must(err)
	h.must(os.WriteFile(h.key, []byte("# the recovery key\n"+h.recovery.String()+"\n"), 0o600))
	h.state, err = repo.OpenState(filepath.Join(dir, "state"), nil)
	h.must(err)
	t.Cleanup(func() { h.must(errors.Join(h.state.Close(), h.remote.Close())) })
	_, err = repo.Init(ctx, h.remote, repo.InitOptions{State: h.state, Cache: h.cache(), Recovery: h.recovery, Device: "my laptop", Role: format.Full, Client: "test"})
	h.must(err)
	return h
}

func (h *byHand) twoBackups() {
	h.t.Helper()
	for _, to := range []string{h.chats, h.before} {
		_, err := madeup.Generate(to, madeup.Demo)
		h.must(err)
	}
	h.backup()
	_, err := madeup.Grow(h.chats, madeup.Demo, 1)
	h.must(err)
	h.backup()
}

// run runs the script and returns where it wrote to, what it said and its
// exit code.
func (h *byHand) run(key string, snapshot ...string) (out, said string, code int) {
	h.t.Helper()
	out = filepath.Join(h.t.TempDir(), "out")
	cmd := exec.Command("python3", append([]string{"-B", "../docs/recover.py", h.folder, key, out}, snapshot...)...)
	cmd.Env = append(os.Environ(), "AGE="+needs.Age(h.t))
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return out, string(text), cmd.ProcessState.ExitCode()
}

func (h *byHand) same(want, out, said string, code int) {
	h.t.Helper()
	if code != 0 {
		h.t.Fatalf("exit %d: %s", code, said)
	}
	if diffs := madeup.Compare(want, filepath.Join(out, "chats")); len(diffs) > 0 {
		h.t.Fatalf("%s\n%s", diffs, said)
	}
}

func TestScriptRestoresWithoutChatkeep(t *testing.T) {
	h := newByHand(t)
	h.twoBackups()
	out, said, code := h.run(h.key)
	h.same(h.chats, out, said, code)
	out, said, code = h.run(h.key, "my laptop/latest")
	h.same(h.chats, out, said, code)
	out, said, code = h.run(h.key, "my laptop/1")
	h.same(h.before, out, said, code)

	if _, said, code = h.run(h.key, "my laptop/9"); code != 1 || !strings.Contains(said, "no such snapshot") {
		t.Errorf("exit %d: %s", code, said)
	}
	if _, said, code = h.run(h.key, "phone/latest"); code != 2 || !strings.Contains(said, "my laptop/latest") {
		t.Errorf("exit %d: %s", code, said)
	}
}

func TestScriptWithAnotherKey(t *testing.T) {
	h := newByHand(t)
	other, err := crypto.GenerateIdentity()
	h.must(err)
	key := filepath.Join(h.dir, "other.key")
	h.must(os.WriteFile(key, []byte(other.String()), 0o600))
	out, said, code := h.run(key)
	if code != 1 || !strings.Contains(said, "identity") {
		t.Errorf("exit %d: %s", code, said)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// docs/RECOVERY.md asks people to read it before they trust it.
func TestScriptIsShort(t *testing.T) {
	b, err := os.ReadFile("../docs/recover.py")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n > 150 {
		t.Errorf("recover.py has %d lines", n)
	}
}

func TestScriptNamesWhatIsDamaged(t *testing.T) {
	h := newByHand(t)
	h.twoBackups()
	pack := h.packOfData()
	h.flip(pack)
	out, said, code := h.run(h.key)
	if code != 4 || !strings.Contains(said, filepath.Base(pack)) {
		t.Fatalf("exit %d: %s", code, said)
	}
	lost := 0
	for _, diff := range madeup.Compare(h.chats, filepath.Join(out, "chats")) {
		m := regexp.MustCompile(`^"(.*)": missing$`).FindStringSubmatch(diff)
		if m == nil || !strings.Contains(said, m[1]) {
			t.Errorf("not named, or not only missing: %s", diff)
		}
		lost++
	}
	if lost == 0 || lost > 100 {
		t.Errorf("%d files are lost with one pack:\n%s", lost, said)
	}
}

func TestScriptDoesWithoutIndex(t *testing.T) {
	h := newByHand(t)
	h.twoBackups()
	h.must(os.RemoveAll(filepath.Join(h.folder, "index")))
	out, said, code := h.run(h.key)
	h.same(h.chats, out, said, code)
}

// joins makes another device a full member, which this one admits.
func (h *byHand) joins(name string) *byHand {
	h.t.Helper()
	q := *h.place
	q.dir = h.t.TempDir()
	q.chats = filepath.Join(q.dir, "chats")
	q.openState()
	by := h.open()
	j, err := repo.Join(background, h.remote, repo.JoinOptions{State: q.state, Cache: q.cache(), Role: format.Full})
	h.must(err)
	h.must(q.state.PinWords(by.Words()))
	request, err := by.RequestWith(background, j.Fingerprint())
	h.must(err)
	h.must(by.Admit(background, request, name, format.Full))
	q.open()
	return &byHand{place: &q, folder: h.folder, key: h.key}
}

// apart is the same device with the same repository as they are now, and what
// happens to one leaves the other as it is.
func (h *byHand) apart() *byHand {
	h.t.Helper()
	q := *h.place
	q.dir = h.t.TempDir()
	q.chats = filepath.Join(q.dir, "chats")
	copyTree(h.t, h.state.Dir(), filepath.Join(q.dir, "state"))
	q.openState()
	folder := filepath.Join(q.dir, "remote")
	copyTree(h.t, h.folder, folder)
	var err error
	q.remote, err = cloud.Open(background, providers.Place{Type: "local", Path: folder}, cloud.Options{})
	h.must(err)
	h.t.Cleanup(func() { h.must(q.remote.Close()) })
	return &byHand{place: &q, folder: folder, key: h.key}
}

// takeIn puts what another repository has more into this one.
func (h *byHand) takeIn(other *byHand) {
	h.t.Helper()
	h.must(filepath.WalkDir(other.folder, func(full string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(other.folder, full)
		h.must(err)
		to := filepath.Join(h.folder, rel)
		if _, err := os.Lstat(to); err == nil {
			return nil
		}
		b, err := os.ReadFile(full)
		h.must(err)
		h.must(os.MkdirAll(filepath.Dir(to), 0o700))
		return os.WriteFile(to, b, 0o600)
	}))
}

// saves writes something new, backs up, and returns a copy of the chats as
// they are.
func (h *byHand) saves(what string) (kept string) {
	h.t.Helper()
	h.write(what+".txt", words(what, 20_000))
	h.write("all.txt", words(what, 300_000))
	h.backup()
	kept = filepath.Join(h.t.TempDir(), "kept")
	h.must(os.CopyFS(kept, os.DirFS(h.chats)))
	entries, err := os.ReadDir(kept)
	h.must(err)
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(h.chats, e.Name()))
		h.must(err)
		h.must(os.Chmod(filepath.Join(kept, e.Name()), info.Mode()))
		h.must(os.Chtimes(filepath.Join(kept, e.Name()), info.ModTime(), info.ModTime()))
	}
	return kept
}

func (h *byHand) id() string { return h.ring().Device.ID.String() }

// bareWith opens the repository with a recovery key.
func (h *byHand) bareWith(key *crypto.Identity) *repo.Repo {
	h.t.Helper()
	r, err := repo.Open(background, h.remote, repo.Options{Recovery: key})
	h.must(err)
	return r
}

func complaints(said string) int { return strings.Count(said, "recover.py: ") }

// A repository as it is after years: a device joined and was shut out, the
// keys were changed, the recovery key was replaced.
func TestScriptWithManyEpochs(t *testing.T) {
	h := newByHand(t)
	want := map[string]string{"my laptop/1": h.saves("one")}
	phone := h.joins("phone")
	want["phone/1"] = phone.saves("first")
	stolen := phone.apart()
	want["phone/2"] = phone.saves("second")
	want["my laptop/2"] = h.saves("two")
	h.must(h.open().Revoke(background, phone.ring().Device.ID))
	want["my laptop/3"] = h.saves("three")
	h.must(h.open().Rotate(background))
	want["my laptop/4"] = h.saves("four")
	next, err := crypto.GenerateIdentity()
	h.must(err)
	h.must(h.bareWith(h.recovery).ReplaceRecovery(background, next))
	h.must(h.open().Rotate(background))
	newest := filepath.Join(h.dir, "newest.key")
	h.must(os.WriteFile(newest, []byte(next.String()), 0o600))
	want["my laptop/5"] = h.saves("five")
	want["my laptop/latest"], want["phone/latest"] = want["my laptop/5"], want["phone/2"]
	// What the phone seals after that is nothing, nor is another of its last
	// number, whatever it is called.
	thief, second := stolen.apart(), "snapshots/"+phone.id()+"/0/00000002-*.age"
	for thief.saves("another second"); filepath.Base(thief.files(second)[0]) < filepath.Base(h.files(second)[0]); thief.saves("another second") {
		thief = stolen.apart()
	}
	thief.saves("third")
	h.takeIn(thief)

	for spec, kept := range want {
		out, said, code := h.run(newest, spec)
		h.same(kept, out, said, code)
		if n := complaints(said); n > 0 {
			t.Errorf("%s: %s", spec, said)
		}
	}
	if _, said, code := h.run(newest, "phone/3"); code != 1 || complaints(said) != 1 || !strings.Contains(said, "no such snapshot") {
		t.Errorf("exit %d: %s", code, said)
	}
	if _, said, code := h.run(newest); code != 2 || !strings.Contains(said, "my laptop/latest, phone/latest") {
		t.Errorf("exit %d: %s", code, said)
	}

	// The old key reaches to where it was replaced.
	want["my laptop/latest"] = want["my laptop/4"]
	delete(want, "my laptop/5")
	for spec, kept := range want {
		out, said, code := h.run(h.key, spec)
		if code != 4 || complaints(said) != 1 || !strings.Contains(said, "is there a newer recovery key?") {
			t.Errorf("%s: exit %d: %s", spec, code, said)
		}
		h.same(kept, out, said, 0)
	}
	if _, said, code := h.run(h.key, "my laptop/5"); code != 4 || complaints(said) != 1 {
		t.Errorf("exit %d: %s", code, said)
	}

	t.Run("a key file is damaged", func(t *testing.T) {
		h.damaged(newest, h.keyFileWith(next, 5), want["my laptop/1"])
	})
	t.Run("a list of devices is damaged", func(t *testing.T) {
		h.damaged(newest, h.files("roster/00000002-*.age")[0], want["my laptop/1"])
	})
}

// damaged restores the first snapshot from a copy of the remote in which one
// object is damaged, which the script must name.
func (h *byHand) damaged(key, object, want string) {
	h.t.Helper()
	rel, err := filepath.Rel(h.folder, object)
	h.must(err)
	q := h.apart()
	q.flip(filepath.Join(q.folder, rel))
	out, said, code := q.run(key, "my laptop/1")
	if code != 4 || !strings.Contains(said, filepath.Base(object)+": its bytes are not") {
		h.t.Errorf("exit %d: %s", code, said)
	}
	q.same(want, out, said, 0)
}

// keyFileWith is the key file for a recovery key that has the keys of so many
// epochs.
func (h *byHand) keyFileWith(key *crypto.Identity, epochs int) string {
	h.t.Helper()
	for _, file := range h.files("keys/recovery-*.age") {
		sealed, err := os.ReadFile(file)
		h.must(err)
		if f, err := trust.OpenKeyFile(sealed, format.RecoveryHolder, key); err == nil && len(f.Epochs) == epochs {
			return file
		}
	}
	h.t.Fatalf("no key file has the keys of %d epochs", epochs)
	return ""
}

// What docs/RECOVERY.md says to type for the keys brings all keys, in both
// languages, and whichever key files are for another recovery key.
func TestKeysByHand(t *testing.T) {
	h := newByHand(t)
	h.must(h.open().Rotate(background))
	next, err := crypto.GenerateIdentity()
	h.must(err)
	h.must(h.bareWith(h.recovery).ReplaceRecovery(background, next))
	page, err := os.ReadFile("../docs/RECOVERY.md")
	h.must(err)
	blocks := regexp.MustCompile(`(?m)^ +umask 077\n(?: +\S.*\n)+`).FindAllString(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d places say how to get the keys", len(blocks))
	}
	bin := t.TempDir()
	h.must(os.Symlink(needs.Age(t), filepath.Join(bin, "age")))
	for _, block := range blocks {
		for key, epochs := range map[*crypto.Identity]int{h.recovery: 2, next: 3} {
			h.must(os.WriteFile(h.key, []byte(key.String()), 0o600))
			cmd := exec.Command("sh", "-c", block)
			cmd.Dir, cmd.Env = h.folder, append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			said, err := cmd.CombinedOutput()
			h.must(err)
			got, err := os.ReadFile(filepath.Join(h.dir, "keys.txt"))
			h.must(err)
			want := ""
			for _, e := range h.bareKeys(key, epochs).Epochs {
				want += e.Meta + "\n" + e.Data + "\n"
			}
			if string(got) != want {
				t.Errorf("%d keys of %d epochs; it said %s", strings.Count(string(got), "\n"), epochs, said)
			}
		}
	}
}

// bareKeys is the key file for a recovery key that has the keys of so many
// epochs.
func (h *byHand) bareKeys(key *crypto.Identity, epochs int) *trust.KeyFile {
	h.t.Helper()
	sealed, err := os.ReadFile(h.keyFileWith(key, epochs))
	h.must(err)
	f, err := trust.OpenKeyFile(sealed, format.RecoveryHolder, key)
	h.must(err)
	return f
}

// Two devices change the list of devices at once: each admits one of the same
// name and begins an epoch of the same number.
func TestScriptInAFork(t *testing.T) {
	h := newByHand(t)
	laptop := h.saves("laptop")
	phone := h.joins("phone").apart()
	left, right := h.joins("tablet"), phone.joins("tablet")
	h.must(h.open().Rotate(background))
	h.must(phone.open().Rotate(background))
	want := map[string]string{"my laptop": laptop, left.id(): left.saves("left"), right.id(): right.saves("right")}
	h.takeIn(phone)
	ends := []string{filepath.Base(h.files("roster/00000004-*.age")[0]), filepath.Base(h.files("roster/00000004-*.age")[1])}
	for spec, kept := range want {
		out, said, code := h.run(h.key, spec+"/latest")
		says := regexp.MustCompile(`roster/(\S+): is taken for the list of devices, but does not follow roster/(\S+)\n`).FindStringSubmatch(said)
		if code != 4 || complaints(said) != 1 || says == nil {
			t.Fatalf("%s: exit %d: %s", spec, code, said)
		}
		slices.Sort(says[1:])
		if !slices.Equal(says[1:], ends) {
			t.Errorf("%s: %s, expected %s", spec, said, ends)
		}
		h.same(kept, out, said, 0)
	}

	h.must(h.bareWith(h.recovery).Merge(background))
	for spec, kept := range want {
		out, said, code := h.run(h.key, spec+"/latest")
		h.same(kept, out, said, code)
	}
	if _, said, code := h.run(h.key, "tablet/latest"); code != 2 || !strings.Contains(said, left.id()+"/latest") || !strings.Contains(said, right.id()+"/latest") {
		t.Errorf("exit %d: %s", code, said)
	}
	// With one of the two shut out, the name means the other.
	h.must(h.open().Revoke(background, left.ring().Device.ID))
	want["tablet"] = want[right.id()]
	for spec, kept := range want {
		out, said, code := h.run(h.key, spec+"/latest")
		h.same(kept, out, said, code)
		if n := complaints(said); n > 0 {
			t.Errorf("%s: %s", spec, said)
		}
	}
}

// files are the remote's objects that match a glob.
func (h *byHand) files(glob string) []string {
	h.t.Helper()
	list, err := filepath.Glob(filepath.Join(h.folder, filepath.FromSlash(glob)))
	h.must(err)
	if len(list) == 0 {
		h.t.Fatalf("no %s", glob)
	}
	return list
}

func (h *byHand) flip(file string) {
	h.t.Helper()
	b, err := os.ReadFile(file)
	h.must(err)
	b[len(b)/3] ^= 4
	h.must(os.WriteFile(file, b, 0o600))
}

// packOfData returns a pack that holds nothing but pieces of files.
func (h *byHand) packOfData() string {
	h.t.Helper()
	root, err := crypto.RootKey(h.recovery)
	h.must(err)
	sealed, err := os.ReadFile(h.files("keys/recovery-*.age")[0])
	h.must(err)
	file, err := trust.OpenKeyFile(sealed, format.RecoveryHolder, h.recovery)
	h.must(err)
	ring, err := file.SignedByRoot(root.Public())
	h.must(err)
	for _, pack := range h.files("packs/?/*.age") {
		if h.onlyData(pack, ring.DataIdentities()) {
			return pack
		}
	}
	h.t.Fatal("every pack holds trees")
	return ""
}

func (h *byHand) onlyData(pack string, ids []*crypto.Identity) bool {
	h.t.Helper()
	sealed, err := os.ReadFile(pack)
	h.must(err)
	plain, err := crypto.OpenAll(sealed, ids...)
	h.must(err)
	_, frames, err := format.Split(plain)
	h.must(err)
	payload, err := format.FindFrame(frames, format.FrameContents)
	h.must(err)
	contents, err := format.DecodeContents(payload)
	h.must(err)
	for _, e := range contents.Entries {
		if e.Kind != format.ChunkData {
			return false
		}
	}
	return true
}

// crafter stores trees that no backup makes yet, or ever.
type crafter struct {
	*byHand
	w *repo.Writer
}

func (c *crafter) add(data string) format.Ref {
	c.t.Helper()
	ref, err := c.w.Worker().Add(format.ChunkData, []byte(data))
	c.must(err)
	return ref
}

// node stores a tree chunk. Its refs name no pack: that is for the index.
func (c *crafter) node(encoded []byte) format.Ref {
	c.t.Helper()
	ref, err := c.w.Worker().AddNode(format.ChunkTree, func(func(format.Digest) format.Digest) []byte { return encoded })
	c.must(err)
	return ref
}

func (c *crafter) source(name string, entries ...format.Entry) format.SourceTree {
	c.t.Helper()
	for i := range entries {
		entries[i].Mode, entries[i].ModTime = 0o640, 1_700_000_000_123_456_789
	}
	top := format.Child{Last: "last", Node: bare(c.node((&format.Node{Entries: entries}).Encode())), Count: uint64(len(entries))}
	return format.SourceTree{Name: name, Tree: &top}
}

func (c *crafter) publish(sources ...format.SourceTree) {
	c.t.Helper()
	root := c.node((&format.Root{Sources: sources}).Encode())
	c.must(c.w.Flush())
	_, err := c.w.Publish(context.Background(), &format.Snapshot{Root: root, Time: 1}, nil)
	c.must(errors.Join(err, c.w.Close()))
}

// bare is a ref without a hint.
func bare(r format.Ref) format.Ref { return format.Ref{ID: r.ID, Length: r.Length} }

func bareAll(list ...format.Ref) []format.Ref {
	for i := range list {
		list[i] = bare(list[i])
	}
	return list
}

func (h *byHand) craft() *crafter {
	h.t.Helper()
	w, err := h.open().NewWriter(context.Background(), repo.WriterOptions{PackSize: h.packSize})
	h.must(err)
	return &crafter{h, w}
}

func (c *crafter) file(path, data string) format.Entry {
	return format.Entry{Path: path, Content: &format.Content{Length: uint64(len(data)), Refs: bareAll(c.add(data))}}
}

// proofOf is the proof of an image.
func proofOf(image string) [32]byte {
	var blocks []byte
	for b := []byte(image); len(b) > 0; {
		n := min(len(b), 4096)
		sum := sha256.Sum256(b[:n])
		blocks, b = append(blocks, sum[:]...), b[n:]
	}
	return sha256.Sum256(blocks)
}

func TestScriptLaysLayers(t *testing.T) {
	h := newByHand(t)
	c := h.craft()
	base := strings.Repeat("base ", 2000)
	kept := c.add("0123456789")
	layers := []format.Layer{
		{Length: 9_000, Extents: []format.Extent{{At: 5, N: 3, Bytes: []byte("one")}, {At: 8_998, N: 2, Bytes: []byte("yz")}}},
		{Length: 12_345, Sources: [][32]byte{kept.ID}, Extents: []format.Extent{{At: 0, N: 4, Source: 1, From: 6}, {At: 5, N: 1, Bytes: []byte("O")}}},
	}
	want := []byte(base[:9_000] + strings.Repeat("\x00", 3_345))
	copy(want[5:], "One")
	copy(want[8_998:], "yz")
	copy(want, "6789")

	db := c.file("db", base[:6_000])
	db.Content = &format.Content{Image: true, Length: 12_345, Refs: bareAll(c.add(base[:6_000]), c.add(base[6_000:])),
		Layers: bareAll(c.add(string(layers[0].Encode())), c.add(string(layers[1].Encode()))), Kept: bareAll(kept), Proof: proofOf(string(want))}
	listed := c.file("listed", "")
	list := c.node((&format.RefList{Refs: bareAll(c.add("many "), c.add("chunks"))}).Encode())
	listed.Content = &format.Content{Length: 11, Depth: 1, Refs: bareAll(list)}
	wrong := db
	content := *db.Content
	wrong.Path, wrong.Content, content.Proof = "wrong", &content, proofOf(base)
	never := c.file("never", "as taken")
	never.Content, never.Unproven = nil, never.Content
	c.publish(c.source("s", db, listed, never, wrong))

	out, said, code := h.run(h.key)
	if code != 4 || !strings.Contains(said, "/s/wrong: it is not what its proof says") || !strings.Contains(said, "/s/never: ") {
		t.Errorf("exit %d: %s", code, said)
	}
	for name, want := range map[string]string{"db": string(want), "listed": "many chunks", "never": "as taken"} {
		if got, err := os.ReadFile(filepath.Join(out, "s", name)); err != nil || string(got) != want {
			t.Errorf("%s is %.20q of %d bytes, %v\n%s", name, got, len(got), err, said)
		}
	}
	if _, err := os.Lstat(filepath.Join(out, "s", "wrong")); !errors.Is(err, os.ErrNotExist) {
		t.Error("what was not proven is there", err)
	}
}

func TestScriptStaysInItsFolder(t *testing.T) {
	h := newByHand(t)
	outside := filepath.Join(h.dir, "outside")
	h.must(os.Mkdir(outside, 0o700))
	c := h.craft()
	c.publish(
		c.source("honest", c.file("a", "fine")),
		c.source("up", c.file("../../evil", "out")),
		c.source("trick", format.Entry{Path: "d", Type: format.TypeSymlink, Target: outside}, c.file("d/evil", "out"),
			format.Entry{Path: "f", Type: format.TypeSymlink, Target: filepath.Join(outside, "evil")}, c.file("f", "out")),
		c.source("..", c.file("evil", "out")),
	)
	out, said, code := h.run(h.key)
	if code != 4 || strings.Count(said, "a path leads elsewhere") != 2 || !strings.Contains(said, "/trick/d: ") || !strings.Contains(said, "/trick/f: ") {
		t.Errorf("exit %d: %s", code, said)
	}
	if b, err := os.ReadFile(filepath.Join(out, "honest", "a")); err != nil || string(b) != "fine" {
		t.Error("the honest file is not back", err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) > 0 {
		t.Error("something was written outside", list, err)
	}
	if info, err := os.Lstat(filepath.Join(out, "trick", "d")); err != nil || !info.IsDir() {
		t.Error("a symlink took the place of a folder", err)
	}
}
