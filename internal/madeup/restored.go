package madeup

import (
	"fmt"
	"slices"
	"strings"
)

// Restored says how to compare what a backup brought back with an account
// whose app is open.
type Restored struct {
	// Live are the databases that were being written, by path.
	Live map[string]Live
	// Except reports what no backup takes; it is not compared. nil is nothing.
	Except func(path string) bool
}

// Live is a database that was being written while it was copied.
type Live struct {
	Writer *Writer
	Since  int // Writer.Committed when the backup began
}

// Compare compares the tree a with b, which was restored from a backup of it,
// as [Compare] does, but for databases that have a log in a: those have to
// hold the same, whether in their log or not, so neither log nor index have to
// be there. One that is live has to be as it was after one of its transactions
// that is not older than the backup.
func (r Restored) Compare(a, b string) []string {
	left, err := list(a)
	if err != nil {
		return []string{fmt.Sprint("list: ", err)}
	}
	right, err := list(b)
	if err != nil {
		return []string{fmt.Sprint("list: ", err)}
	}
	databases := r.databases(left)
	left, right = r.drop(left, databases), r.drop(right, databases)
	return compare(left, right, func(i, j int) error {
		name := left[i].path
		from, to := at(a, name), at(b, name)
		switch live, ok := r.Live[name]; {
		case ok:
			return live.check(to)
		case databases[name]:
			return sameState(from, to)
		}
		return sameContent(from, to)
	})
}

// databases returns which files of a tree have a log, or are live.
func (r Restored) databases(items []item) map[string]bool {
	found := map[string]bool{}
	for _, it := range items {
		if name, ok := strings.CutSuffix(it.path, "-wal"); ok {
			found[name] = true
		}
	}
	for name := range r.Live {
		found[name] = true
	}
	return found
}

// drop leaves out what is not compared.
func (r Restored) drop(items []item, databases map[string]bool) (kept []item) {
	for _, it := range items {
		log := slices.ContainsFunc([]string{"-wal", "-shm"}, func(suffix string) bool {
			name, ok := strings.CutSuffix(it.path, suffix)
			return ok && databases[name]
		})
		if log || r.Except != nil && r.Except(it.path) {
			continue
		}
		if databases[it.path] {
			it.size = 0
		}
		if _, live := r.Live[it.path]; live {
			it.mtime = 0
		}
		kept = append(kept, it)
	}
	return kept
}

func (l Live) check(copied string) error {
	n, err := l.Writer.Find(copied)
	if err == nil && n < l.Since {
		err = fmt.Errorf("it is as of transaction %d, the backup began at %d", n, l.Since)
	}
	return err
}

func sameState(a, b string) error {
	left, err := StateOf(a)
	if err != nil {
		return err
	}
	right, err := StateOf(b)
	if err == nil && left != right {
		return errContent
	}
	return err
}
