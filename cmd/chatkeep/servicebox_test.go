package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/needs"
	"github.com/chatkeep/chatkeep/internal/sdbox"
)

// Both services under a real systemd, with the program as it is: installed,
// verified, started; a backup on schedule and one that is asked for; reloaded
// with a good and a bad configuration; killed, crashed and hung; held in its
// sandbox, stopped in the middle of an upload, and removed.
func TestServiceUnderSystemd(t *testing.T) {
	needs.Have(t, needs.Root, needs.Namespaces, needs.Systemd)
	program := filepath.Join(t.TempDir(), "chatkeep")
	build := exec.Command("go", "build", "-ldflags=-s", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	common := readStory(t, "common")
	for _, name := range []string{"own", "system"} {
		t.Run(name, func(t *testing.T) {
			sdbox.Run(t, sdbox.Box{Binds: map[string]string{"/usr/local/bin/chatkeep": program}, Script: common + readStory(t, name)})
		})
	}
}

func readStory(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "service", name+".sh"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
