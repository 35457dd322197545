package history

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// Bounds of the file. What is over them makes room for a quarter at once, so
// that it isn't written anew each time.
const (
	mostLines  = 1000 // and so runs
	mostBytes  = 1 << 20
	mostToRead = 4 * mostBytes // of a file that somebody else made longer
)

// longestWait is how long a process waits for another that writes. That takes
// milliseconds, unless the other one was stopped in the middle of it.
const longestWait = 5 * time.Second

// add writes one line. first is called when other processes are kept out.
func (l *Log) add(id string, r Run, first func()) error {
	text, err := line(id, r)
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	alone, unlock := l.lock()
	defer unlock()
	if first != nil {
		first()
	}
	if err := l.append(text, alone); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// lock keeps other processes out until unlock is called. Where that can't be,
// alone is false: lines may be added, since each is one write at the end, but
// nothing may be written anew.
func (l *Log) lock() (alone bool, unlock func()) {
	ctx, cancel := context.WithTimeout(context.Background(), longestWait)
	defer cancel()
	if ok, err := l.guard.TryLockContext(ctx, 10*time.Millisecond); err != nil || !ok {
		return false, func() {}
	}
	return true, func() { _ = l.guard.Unlock() }
}

// append adds a line, or writes the file anew with it if it has become too
// long.
func (l *Log) append(text []byte, alone bool) error {
	old, err := l.readFile()
	if err != nil {
		return err
	}
	if alone && (len(old)+len(text) > mostBytes || bytes.Count(old, newline)+1 > mostLines) {
		all := parse(slices.Concat(old, newline, text))
		return l.rewrite(bounded(l.settle(all, time.Time{})))
	}
	// What a crash left of a line must not become a part of this one.
	if len(old) > 0 && !bytes.HasSuffix(old, newline) {
		text = slices.Concat(newline, text)
	}
	return l.appendText(text, len(old) == 0)
}

func (l *Log) appendText(text []byte, isNew bool) error {
	if err := l.at("open"); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := l.at("write"); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := l.at("sync"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if isNew {
		return durable.SyncDir(l.dir)
	}
	return nil
}

// rewrite replaces the file.
func (l *Log) rewrite(list []entry) error {
	var text []byte
	for _, e := range list {
		one, err := line(e.ID, e.Run)
		if err != nil {
			continue // what was read can be written
		}
		text = append(text, one...)
	}
	if err := l.at("rewrite"); err != nil {
		return err
	}
	return durable.WriteFile(l.path(), text, 0o600)
}

// bounded drops the oldest runs, down to three quarters of what is allowed.
// What is at work stays, and the last good run of each job.
func bounded(list []entry) []entry {
	keep := make([]bool, len(list))
	lines, size := 0, 0
	take := func(i int) {
		if text, err := line(list[i].ID, list[i].Run); err == nil && !keep[i] {
			keep[i] = true
			lines, size = lines+1, size+len(text)
		}
	}
	good := map[string]bool{}
	for i, e := range slices.Backward(list) {
		switch {
		case e.Run.Ended.IsZero():
			take(i)
		case e.Run.isGood() && !good[e.Run.Job]:
			good[e.Run.Job] = true
			take(i)
		}
	}
	for i := range slices.Backward(list) {
		if lines >= mostLines*3/4 || size >= mostBytes*3/4 {
			break
		}
		take(i)
	}
	var kept []entry
	for i, e := range list {
		if keep[i] {
			kept = append(kept, e)
		}
	}
	return kept
}
