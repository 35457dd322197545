package index

import (
	"runtime"
	"testing"
)

// BenchmarkFiveMillion measures a run of 5 TB of media.
func BenchmarkFiveMillion(b *testing.B) {
	path, ids := fiveMillion(b)
	b.Run("open", func(b *testing.B) { benchmarkOpen(b, path) })
	r := openRun(b, path)
	b.Run("hit", func(b *testing.B) { benchmarkHit(b, r, ids) })
	b.Run("miss", func(b *testing.B) { benchmarkMiss(b, r) })
	b.Run("check", func(b *testing.B) { benchmarkCheck(b, r) })
	b.Run("merge", func(b *testing.B) { benchmarkMerge(b, r) })
}

// fiveMillion returns a run and some of its ids.
func fiveMillion(b *testing.B) (path string, ids [][32]byte) {
	const n, packs = 5_000_000, 80_000
	entries := randomEntries(1, n, packs)
	for i := 0; i < n; i += 10 {
		ids = append(ids, entries[i].ID)
	}
	path = inTemp(b, "run")
	if err := WriteRun(path, packNames(packs), entries); err != nil {
		b.Fatal(err)
	}
	return path, ids
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func benchmarkOpen(b *testing.B, path string) {
	before := heap()
	r := openRun(b, path)
	kept := heap() - before
	for b.Loop() {
		r, err := OpenRun(path)
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
	b.ReportMetric(float64(kept)/(1<<20), "MiB-kept")
	runtime.KeepAlive(r)
}

func benchmarkHit(b *testing.B, r *Run, ids [][32]byte) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, _, ok, err := r.Lookup(ids[i%len(ids)]); !ok || err != nil {
			b.Fatal(ok, err)
		}
		i += 7919
	}
}

func benchmarkMiss(b *testing.B, r *Run) {
	random := newRand(5)
	for b.Loop() {
		if _, _, ok, err := r.Lookup(randomID(random)); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func benchmarkCheck(b *testing.B, r *Run) {
	for b.Loop() {
		if err := r.Check(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkMerge(b *testing.B, r *Run) {
	newer := makeRun(b, inTemp(b, "newer"), packNames(100), randomEntries(2, 200_000, 100))
	to := inTemp(b, "merged")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := Merge(to, nil, newer, r); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/(1<<20), "MiB-allocated/op")
}

func BenchmarkInsert(b *testing.B) {
	s, r := NewSet(), newRand(1)
	for b.Loop() {
		e := randomEntry(r, 1000)
		s.Insert(e, packName(e.Pack))
	}
}
