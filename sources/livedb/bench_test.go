//go:build linux

package livedb

import (
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// nowhere is a Target that costs nothing.
type nowhere struct{ Target }

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Truncate(int64) error                   { return nil }

// cpu is what this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCapture copies 1 GiB with a WAL of 64 MiB: all of it, what a small
// transaction adds, and nothing at all.
func BenchmarkCapture(b *testing.B) {
	f := newFolder(b)
	db, err := os.Create(f.path)
	if err != nil {
		b.Fatal(err)
	}
	page := make([]byte, 1<<20)
	for i := range int64(1 << 10) {
		page[0], page[1] = byte(i), byte(i>>8)
		if _, err := db.WriteAt(page, i<<20); err != nil {
			b.Fatal(err)
		}
	}
	db.Close()
	w := newWAL(4096, false, 1)
	for i := range uint32(16 << 10) {
		w.frame(i*16+1, 1<<18, byte(i))
	}
	f.put(walSuffix, w.Bytes())
	w.Reset()
	dir := b.TempDir()
	run := func(b *testing.B, since []byte) *Result {
		r, err := Capture(b.Context(), f.path, nowhere{}, Options{Dir: dir, Since: since})
		if err != nil || !r.Proven {
			b.Fatalf("%+v, %v", r, err)
		}
		return r
	}
	measure := func(name string, since func() []byte) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				run(b, since())
			}
			b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
	measure("full", func() []byte { return nil })
	mark := run(b, nil).Mark
	measure("same", func() []byte { return mark })
	wal, err := os.OpenFile(f.path+walSuffix, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer wal.Close()
	if _, err := wal.Seek(0, io.SeekEnd); err != nil {
		b.Fatal(err)
	}
	for i := range uint32(100) {
		w.frame(i+1, 1<<18, 'n')
	}
	if _, err := wal.Write(w.Bytes()); err != nil {
		b.Fatal(err)
	}
	measure("100 frames", func() []byte { return mark })
}
