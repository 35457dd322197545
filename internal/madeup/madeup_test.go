package madeup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// generate makes a tree in a new folder.
func generate(t testing.TB, o Options) (string, Summary) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "chats")
	s, err := Generate(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

func hash(t testing.TB, dir string) string {
	t.Helper()
	h, err := Hash(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantNone(t *testing.T, what string, diffs []string) {
	t.Helper()
	if len(diffs) > 0 {
		t.Errorf("%s: %d differences, the first: %s", what, len(diffs), diffs[0])
	}
}

// light and quick are small trees of both shapes, open is an account whose app
// is open.
var (
	open = Options{Shape: Account, Seed: 5, Scale: 0.001, Bytes: 8_000_000, Live: true,
		Daily: Daily{Files: 12, Bytes: 400_000, Messages: 100}}
	light = Options{Shape: Account, Seed: 3, Scale: 0.001, Bytes: 10_000_000,
		Daily: Daily{Files: 12, Bytes: 400_000, Messages: 100}}
	quick = Options{Shape: Exports, Seed: 4, Scale: 0.25, Bytes: 3_000_000,
		Daily: Daily{Files: 8, Bytes: 100_000, Messages: 200}}
)

func TestSameSeedSameTree(t *testing.T) {
	for name, o := range map[string]Options{"exports": quick, "account": light, "open account": open} {
		t.Run(name, func(t *testing.T) {
			a, s := generate(t, o)
			b, again := generate(t, o)
			if s != again {
				t.Errorf("summary %+v, then %+v", s, again)
			}
			if hash(t, a) != hash(t, b) {
				t.Error("two trees of one seed have different hashes")
			}
			wantNone(t, "Compare", Compare(a, b))
			wantNone(t, "Verify", Verify(a, o, 0))
			o.Seed++
			c, _ := generate(t, o)
			if hash(t, a) == hash(t, c) {
				t.Error("another seed made the same tree")
			}
		})
	}
}

func TestDaysAreDeterministic(t *testing.T) {
	for name, o := range map[string]Options{"exports": quick, "account": light, "open account": open} {
		t.Run(name, func(t *testing.T) {
			a, _ := generate(t, o)
			b, _ := generate(t, o)
			for day := 1; day <= 3; day++ {
				before := hash(t, a)
				s, err := Grow(a, o, day)
				if err != nil {
					t.Fatal(err)
				}
				again, err := Grow(b, o, day)
				if err != nil || s != again {
					t.Errorf("day %d: %+v, then %+v, %v", day, s, again, err)
				}
				if hash(t, a) == before {
					t.Errorf("day %d changed nothing", day)
				}
				if s.Files != o.Daily.Files || s.Renamed != 2 || s.Removed != 2 || s.Rewritten < 10_000 {
					t.Errorf("day %d: %+v", day, s)
				}
			}
			wantNone(t, "Compare", Compare(a, b))
			wantNone(t, "Verify", Verify(a, o, 3))
			if len(Verify(a, o, 2)) == 0 {
				t.Error("Verify found day 3 to be day 2")
			}
		})
	}
}

func TestPresetSizes(t *testing.T) {
	tests := []struct {
		name            string
		o               Options
		files, dirs     [2]int
		bytes, newBytes [2]int64
		newFiles        int
	}{
		{name: "Demo", o: Demo, files: [2]int{250, 400}, dirs: [2]int{30, 70}, bytes: [2]int64{44e6, 48e6},
			newFiles: 15, newBytes: [2]int64{1.9e6, 2.2e6}},
		{name: "DemoAccount", o: DemoAccount, files: [2]int{450, 550}, dirs: [2]int{100, 500}, bytes: [2]int64{44e6, 56e6},
			newFiles: 15, newBytes: [2]int64{1.9e6, 2.2e6}},
		{name: "Tiny", o: Tiny, files: [2]int{380, 480}, dirs: [2]int{100, 500}, bytes: [2]int64{50e6, 400e6},
			newFiles: 10, newBytes: [2]int64{1e5, 60e6}},
		{name: "Small", o: Small, files: [2]int{3_600, 4_000}, dirs: [2]int{700, 2_500}, bytes: [2]int64{4.29e9, 4.31e9},
			newFiles: 20, newBytes: [2]int64{1e6, 200e6}},
		{name: "Medium", o: Medium, files: [2]int{37_000, 39_000}, dirs: [2]int{5_000, 20_000}, bytes: [2]int64{42.9e9, 43.1e9},
			newFiles: 60, newBytes: [2]int64{1e6, 1e9}},
		{name: "Heavy", o: Heavy, files: [2]int{188_000, 192_000}, dirs: [2]int{20_000, 70_000}, bytes: [2]int64{214e9, 216e9},
			newFiles: 195, newBytes: [2]int64{50e6, 1e9}},
		{name: "Bench", o: Bench, files: [2]int{38_500, 39_500}, dirs: [2]int{5_000, 20_000}, bytes: [2]int64{3.98e9, 4.02e9},
			newFiles: 180, newBytes: [2]int64{32.5e6, 33.5e6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newTree(tt.o)
			s := p.summary()
			t.Logf("%+v", s)
			if !within(s.Files, tt.files) || !within(s.Dirs, tt.dirs) || !within(s.Bytes, tt.bytes) {
				t.Errorf("%+v, want files %v, dirs %v, bytes %v", s, tt.files, tt.dirs, tt.bytes)
			}
			var day Summary
			for _, c := range p.advance(1) {
				if c.what == create {
					day.count(p, c.f)
				}
			}
			t.Logf("day: %+v", day)
			if day.Files != tt.newFiles || !within(day.Bytes, tt.newBytes) {
				t.Errorf("a day brings %+v, want %d files, %v bytes", day, tt.newFiles, tt.newBytes)
			}
		})
	}
}

func within[T int | int64](n T, limits [2]T) bool { return n >= limits[0] && n <= limits[1] }

// A thousand messages change as many pages as were measured with a real
// database engine, and most of the databases stay as they are.
func TestBenchDayChangesPagesAsMeasured(t *testing.T) {
	p := newTree(Bench)
	var pages, untouched int64
	for _, c := range p.advance(1) {
		if c.what == repage {
			pages += int64(len(c.f.pages))
		}
	}
	for _, f := range p.files {
		if f.kind == pageFile && f.pages == nil {
			untouched += f.size
		}
	}
	if pages < 974 || pages > 3131 {
		t.Errorf("1000 messages change %d pages", pages)
	}
	if untouched < 500_000_000 {
		t.Errorf("only %d bytes of databases stay as they are", untouched)
	}
}

func TestDemoHasWhatTheDemoShows(t *testing.T) {
	start := time.Now()
	dir, s := generate(t, Demo)
	t.Logf("%+v in %v", s, time.Since(start))
	items, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, it := range items {
		name := filepath.Base(it.path)
		count := func(what string, ok bool) {
			if ok {
				found[what]++
			}
		}
		count("chinese", strings.ContainsAny(name, "妈雨合同"))
		count("emoji", strings.ContainsAny(name, "🌳🐈🎂🍜"))
		count("long name", len(name) >= 240)
		count("symlink", it.kind == "symlink")
		count("hard link", it.twin != "")
		count("month folder", it.kind == "folder" && name == "2026-05")
		count("jsonl", strings.HasSuffix(name, ".jsonl"))
		count("txt", strings.HasSuffix(name, ".txt"))
		count("photo", strings.HasSuffix(name, ".jpg"))
		count("video", strings.HasSuffix(name, ".mp4"))
		count("copy", strings.HasPrefix(it.path, "favourites/") && it.twin == "")
		count("0600", it.mode == 0o600)
		count("0755", it.kind == "file" && it.mode == 0o755)
		count("nanoseconds", it.mtime%1000 != 0)
		if !utf8.ValidString(name) || len(name) > 255 {
			t.Errorf("name %q", name)
		}
	}
	for what, want := range map[string]int{
		"chinese": 4, "emoji": 2, "long name": 1, "symlink": 1, "hard link": 16, "month folder": 3, "jsonl": 30, "txt": 10,
		"photo": 80, "video": 3, "copy": 14, "0600": 20, "0755": 20, "nanoseconds": 200,
	} {
		if found[what] < want {
			t.Errorf("%d × %s, want %d", found[what], what, want)
		}
	}
}

func TestSparseAndMetadataOnly(t *testing.T) {
	sparse := Options{Shape: Account, Seed: 1, Scale: 0.001, Sparse: true}
	dir, s := generate(t, sparse)
	wantNone(t, "sparse", Verify(dir, sparse, 0))
	if used := blocks(dir); used > 0 && used > s.Bytes/2 {
		t.Errorf("%d bytes take %d on the disk", s.Bytes, used)
	}
	meta := Options{Shape: Account, Seed: 1, Scale: 0.005, MetadataOnly: true, Daily: Daily{Files: 5, Messages: 10}}
	dir, s = generate(t, meta)
	if s.Bytes > int64(s.Files)*metaSize+8<<20 {
		t.Errorf("%+v", s)
	}
	if _, err := Grow(dir, meta, 1); err != nil {
		t.Fatal(err)
	}
	wantNone(t, "metadata only", Verify(dir, meta, 1))
}

func TestGenerateRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(dir, light); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("Generate: %v", err)
	}
	if _, err := Grow(dir, light, 0); err == nil {
		t.Error("Grow accepted day 0")
	}
	if _, err := Grow(dir, light, 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Grow of nothing: %v", err)
	}
}

func TestEachReturnsTheFirstError(t *testing.T) {
	stop := errors.New("stop")
	err := each(1000, func(i int) error {
		if i == 10 {
			return stop
		}
		return nil
	})
	if err != stop {
		t.Errorf("each: %v", err)
	}
}

func BenchmarkGenerateDemo(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		b.StartTimer()
		if _, err := Generate(dir, Demo); err != nil {
			b.Fatal(err)
		}
	}
}
