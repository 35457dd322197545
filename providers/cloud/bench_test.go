//go:build unix

package cloud

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
)

// BenchmarkPutPack is one pack from the spool to a folder: one read, one
// write, no hashing. The CPU time is what counts.
func BenchmarkPutPack(b *testing.B) {
	const size = 64 << 20
	spool := filepath.Join(b.TempDir(), "spool")
	content := noise(size)
	for name, src := range map[string]providers.Source{
		"file":  providers.FileSource(spool, size, nil),
		"bytes": providers.BytesSource(content),
	} {
		b.Run(name, func(b *testing.B) { benchmarkPut(b, spool, content, src) })
	}
}

func benchmarkPut(b *testing.B, spool string, content []byte, src providers.Source) {
	r, err := Open(b.Context(), providers.Place{Type: "local", Path: b.TempDir()}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(spool, content, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(src.Size())
	before := cpu()
	for b.Loop() {
		if _, err := r.Put(b.Context(), "packs/0/x", src); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N)/1e6, "cpu-ms/op")
}

// cpu returns the nanoseconds of CPU this process has used.
func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
