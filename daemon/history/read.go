package history

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Last returns the last n runs, the newest last, including those at work.
func (l *Log) Last(n int) ([]Run, error) {
	list, err := l.load()
	if err != nil {
		return nil, err
	}
	list = list[max(0, len(list)-max(0, n)):]
	runs := make([]Run, len(list))
	for i, e := range list {
		runs[i] = e.Run.clone()
	}
	return runs, nil
}

// LastOf returns a job's newest run that has ended, nil if there is none.
func (l *Log) LastOf(job string) (*Run, error) {
	return l.find(func(r Run) bool { return r.Job == job && r.Outcome != "" })
}

// LastGood returns a job's newest run that did what it should, nil if there is
// none.
func (l *Log) LastGood(job string) (*Run, error) {
	return l.find(func(r Run) bool { return r.Job == job && r.isGood() })
}

// Counts returns how many runs ended in which way, as far as they are
// remembered.
func (l *Log) Counts() (map[string]int, error) {
	list, err := l.load()
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, e := range list {
		if e.Run.Outcome != "" {
			counts[e.Run.Outcome]++
		}
	}
	return counts, nil
}

func (l *Log) find(is func(Run) bool) (*Run, error) {
	list, err := l.load()
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(list) {
		if is(e.Run) {
			r := e.Run.clone()
			return &r, nil
		}
	}
	return nil, nil
}

// load returns all runs. They are read anew only if the file has changed.
func (l *Log) load() ([]entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && l.read != nil && os.SameFile(info, l.read) && info.Size() == l.read.Size() && info.ModTime().Equal(l.read.ModTime()) {
		return l.entries, nil
	}
	text, err := l.readFile()
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	l.entries, l.read = parse(text), info // what changed in between is read the next time
	return l.entries, nil
}

// readFile returns the file, or the end of one that is far too long.
func (l *Log) readFile() ([]byte, error) {
	f, err := os.Open(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if over := info.Size() - mostToRead; over > 0 {
		if _, err := f.Seek(over, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, 2*mostToRead))
}

// isGood reports whether a run did what it should.
func (r Run) isGood() bool { return r.Outcome == Done || r.Outcome == Remarks }
