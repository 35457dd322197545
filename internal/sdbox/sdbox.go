// Package sdbox runs a script under a real systemd: this machine's own, booted
// as PID 1 in fresh namespaces, on a throw-away copy of the machine's own root.
//
// A box takes about a second to boot. It has no network but its own loopback,
// no disk but memory, and shares no file with the machine that it could change.
// In it work units of the system and of users, credentials, sandboxes,
// watchdogs, the journal, D-Bus, logind and polkit; resource limits of cgroups
// don't, where the machine has their controllers elsewhere.
//
//	sdbox.Run(t, sdbox.Box{
//		Files:  map[string]string{"/etc/systemd/system/x.service": unit},
//		Binds:  map[string]string{"/usr/local/bin/x": program},
//		Script: "systemctl start x; systemctl is-active x",
//	})
package sdbox

import (
	"archive/tar"
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// Box is a machine that lives as long as its script.
type Box struct {
	// Script is bash, run by root with -eu as a service. The machine's /run and
	// /tmp are empty, and nothing else of it is missing.
	Script string
	// Files are texts by absolute path. What begins with #! can be run.
	Files map[string]string
	// Binds are files and folders of this machine by their path in the box, where
	// they can only be read. A service with its own /tmp doesn't see one there.
	Binds map[string]string
	// Timeout is how long the script may take; 0: two minutes.
	Timeout time.Duration
}

// grace is how long a box may take besides its script.
const grace = 30 * time.Second

//go:embed outer.sh
var outer string

//go:embed inner.sh
var inner string

// Run boots the box and returns what its script wrote. If the script fails,
// so does the test, with the end of the box's journal in its log.
func Run(t testing.TB, b Box) string {
	t.Helper()
	out, status := Try(t, b)
	if status != 0 {
		t.Fatalf("the script in the box ended with exit status %d", status)
	}
	return out
}

// Try is Run for scripts that may fail: it returns their exit status.
func Try(t testing.TB, b Box) (out string, status int) {
	t.Helper()
	needs.Have(t, needs.Root, needs.Namespaces, needs.Systemd)
	if b.Timeout == 0 {
		b.Timeout = 2 * time.Minute
	}
	files, err := b.archive()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "SDBOX_OUTER=" + outer, "SDBOX_INNER=" + inner,
		"SDBOX_TIMEOUT=" + fmt.Sprintf("%.0fs", b.Timeout.Seconds()), "SDBOX_BINDS=" + b.binds()}
	read, write := io.Pipe()
	lines := make(chan string)
	go func() {
		var all strings.Builder
		for r := bufio.NewReader(read); ; {
			line, err := r.ReadString('\n')
			all.WriteString(line)
			if line != "" {
				t.Log(strings.TrimSuffix(line, "\n"))
			}
			if err != nil {
				lines <- all.String()
				return
			}
		}
	}()
	status, err = boot(env, files, write, b.Timeout+grace)
	write.Close()
	out = <-lines
	if err != nil {
		t.Fatalf("run a box: %v", err)
	}
	return out, status
}

// archive is everything that goes into the box.
func (b Box) archive() (io.Reader, error) {
	files := maps.Clone(b.Files)
	if files == nil {
		files = map[string]string{}
	}
	files["/run/sdbox/script"] = b.Script
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !path.IsAbs(name) {
			return nil, fmt.Errorf("file %q of a box is not absolute", name)
		}
		h := tar.Header{Name: strings.TrimPrefix(path.Clean(name), "/"), Mode: 0o644, Size: int64(len(files[name])), ModTime: time.Now().Truncate(time.Second)}
		if strings.HasPrefix(files[name], "#!") {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			return nil, err
		}
	}
	return &buf, w.Close()
}

func (b Box) binds() string {
	var list strings.Builder
	for _, to := range slices.Sorted(maps.Keys(b.Binds)) {
		fmt.Fprintf(&list, "%s\t%s\n", b.Binds[to], path.Clean(to))
	}
	return list.String()
}
