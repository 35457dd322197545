//go:build unix

package repo

import (
	"os"
	"syscall"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
)

// What was seen is read before the roster, and that before the keys: a pipe in
// the place of one shows what was read before it.
func TestRecallOrder(t *testing.T) {
	for _, file := range []string{seenFile, rosterFile} {
		h := newHouse(t)
		h.join("b", format.Full)
		old := h.moment("a")
		h.must(h.open("a").Rotate(background))
		_, err := h.publishes("a")
		h.must(err)
		dir := t.TempDir()
		put := func(m moment, file string) { h.must(os.WriteFile(dir+"/"+file, m.files[file], 0o600)) }
		for f := range old.files {
			if f != file {
				put(old, f)
			}
		}
		h.must(syscall.Mkfifo(dir+"/"+file, 0o600))
		got := make(chan recollection)
		state, err := PeekState(dir)
		h.must(err)
		go func() {
			m, err := state.recall()
			if err != nil {
				t.Error(err)
			}
			got <- m
		}()
		pipe, err := os.OpenFile(dir+"/"+file, os.O_WRONLY, 0) // waits until it is read
		h.must(err)
		next := h.moment("a")
		put(next, keysFile)
		if file == seenFile {
			put(next, rosterFile)
		}
		_, err = pipe.Write(old.files[file])
		h.must(err)
		h.must(pipe.Close())
		m := <-got
		if len(m.keys.Epochs) != 2 {
			t.Errorf("the keys were read before %s", file)
		}
		if (string(m.roster) == string(next.files[rosterFile])) != (file == seenFile) {
			t.Errorf("the roster was not read after %s", seenFile)
		}
	}
}
