package snapshot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
)

// records are one of each kind.
func records() []pullRecord {
	ref := format.Ref{ID: [32]byte{1}, Length: 5}
	return []pullRecord{
		{entry: format.Entry{Path: "a", Type: format.TypeDir, Mode: 0o755}, gone: true},
		{entry: format.Entry{Path: "a/b", Mode: 0o644, ModTime: 7, Content: &format.Content{Length: 5, Refs: []format.Ref{ref}}}, modTime: 6, older: true},
		{entry: format.Entry{Path: "a/c", Type: format.TypeSymlink, Target: "b"}},
		{entry: format.Entry{Path: "x.db", Content: &format.Content{Image: true, Length: 5, Refs: []format.Ref{ref}, Layers: []format.Ref{ref}}}, torn: true},
	}
}

func TestPullRecords(t *testing.T) {
	for _, r := range records() {
		got, err := decodeRecord(r.encode())
		if err != nil || got.entry.Path != r.entry.Path || got.modTime != r.modTime || got.gone != r.gone || got.older != r.older || got.torn != r.torn ||
			!sameContent(got.entry.Content, r.entry.Content) || !sameAttributes(&got.entry, &r.entry) {
			t.Errorf("%+v became %+v, %v", r, got, err)
		}
	}
}

// Some file systems keep times with less detail once they are mounted again.
func TestSameTime(t *testing.T) {
	const set = 1_763_000_001_123_456_789
	for now, want := range map[int64]bool{
		set: true, set - 89: true, 1_763_000_001_000_000_000: true, 1_763_000_000_000_000_000: true, 1_763_000_001_120_000_000: true,
		set + 1: false, set - 1: false, 1_763_000_002_000_000_000: false, 0: false,
	} {
		if sameTime(set, now) != want {
			t.Errorf("%d and %d: %v", int64(set), now, !want)
		}
	}
	if !sameTime(-1_500_000_001, -2_000_000_000) {
		t.Error("before 1970")
	}
}

func TestFolderName(t *testing.T) {
	for name, want := range map[string]string{
		"laptop": "laptop", "书房": "书房", "": "", "..": "%2E%2E", ".x": "%2Ex", "a/b": "a%2Fb", `a\b:c`: "a%5Cb%3Ac", "CON": "%43ON", "nul.txt": "%6Eul.txt",
		"com¹": "%63om¹", "end.": "end%2E", "end ": "end%20", "100%": "100%25", "a\nb": "a%0Ab", "\xff": "%FF", PullMemory: "%2Echatkeep-pull", "console": "console",
	} {
		if got := folderName(name); got != want {
			t.Errorf("%q became %q, not %q", name, got, want)
		}
	}
	id := strings.Repeat("0123abcd", 4)
	for _, c := range []struct {
		name  string
		taken []string
		want  string
	}{
		{"laptop", nil, "laptop"}, {"laptop", []string{"Laptop"}, "laptop-0123abcd"}, {"", nil, "0123abcd"},
		{"laptop", []string{"laptop", "laptop-0123abcd"}, id}, {strings.Repeat("长", 50), nil, strings.Repeat("长", 33) + "-0123abcd"},
		{strings.Repeat("x", 99) + "/y", nil, strings.Repeat("x", 99) + "-0123abcd"},
	} {
		if got := deviceFolder(c.name, id, c.taken); got != c.want {
			t.Errorf("%q beside %q became %q, not %q", c.name, c.taken, got, c.want)
		}
	}
}

// A memory that says anything at all is read or forgotten, and never leads out
// of the folder.
func FuzzPullMemory(f *testing.F) {
	list, journal := goodMemory(f)
	f.Add(list, journal, []byte(`{"format":1,"tag":"abc","devices":[{"id":"`+strings.Repeat("0a", 16)+`","folder":"laptop"}]}`))
	f.Add([]byte(pullListHead), []byte{1, 1, 0, 0, 0, 0}, []byte(`{"format":1,"tag":"a","devices":[null,{"folder":"../.."}]}`))
	f.Fuzz(func(t *testing.T, list, journal, state []byte) {
		to := t.TempDir()
		dir := filepath.Join(to, PullMemory)
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		must(os.Mkdir(dir, 0o700))
		for name, b := range map[string][]byte{"list": list, "nodes": list, "journal": journal, pullFile: state} {
			must(os.WriteFile(filepath.Join(dir, name), b, 0o600))
		}
		p, err := OpenPullFolder(to)
		must(err)
		for _, d := range p.mem.Devices {
			if strings.ContainsAny(d.Folder, `/\`) || strings.HasPrefix(d.Folder, ".") {
				t.Errorf("folder %q", d.Folder)
			}
			d.known()
		}
		must(p.Close())
		_, err = foldJournal(filepath.Join(dir, "list"), filepath.Join(dir, "journal"), func(*pullRecord) bool { return true })
		must(err)
		l, err := openPullList(filepath.Join(dir, "list"))
		must(err)
		in, err := l.open()
		must(err)
		for r := in.next(); r != nil; r = in.next() {
			if !format.ValidPath(r.entry.Path) {
				t.Errorf("path %q", r.entry.Path)
			}
		}
		must(in.close())
		k, err := openPullNodes(filepath.Join(dir, "nodes"), filepath.Join(dir, "tmp"))
		must(err)
		for id := range k.at {
			k.Kept(id)
		}
		k.Keep([32]byte{9}, []byte("node"))
		must(k.save())
		must(k.close())
	})
}

// goodMemory returns a list and a journal as pulls write them.
func goodMemory(t testing.TB) (list, journal []byte) {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := newPullListWriter(filepath.Join(dir, "list"))
	must(err)
	j := pullJournal{path: filepath.Join(dir, "journal")}
	for i, r := range records() {
		must(w.add(&r))
		must(j.add(byte(1+i%3), &r))
	}
	must(w.commit())
	must(j.sync())
	must(j.close())
	list, err = os.ReadFile(filepath.Join(dir, "list"))
	must(err)
	journal, err = os.ReadFile(filepath.Join(dir, "journal"))
	must(err)
	return list, journal
}
