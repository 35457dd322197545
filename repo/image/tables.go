package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Tables is the folder of this device's block tables. Each belongs to one
// content of one database, and its file is named for both: a table that waits
// for its snapshot to be published stands beside that of the snapshot before,
// no file is ever written over by that of another content, and whichever
// snapshot turns out to be the head finds its own. No name says what the
// database is called.
//
// Different databases may be used concurrently.
type Tables struct{ dir string }

// Database names a database of an account.
type Database struct{ Source, Path string }

const (
	tableExt = ".table"
	markExt  = ".mark"
)

// OpenTables returns the tables of a folder, which it makes if needed.
func OpenTables(dir string) (*Tables, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open block tables: %w", err)
	}
	return &Tables{dir}, nil
}

// key begins the names of a database's files.
func (d Database) key() string {
	h := sha256.Sum256([]byte(d.Source + "\x00" + d.Path))
	return hex.EncodeToString(h[:16])
}

// stem is a file's name but for its ending.
func stem(d Database, c *format.Content) string {
	of := FingerprintOf(c)
	return d.key() + "-" + hex.EncodeToString(of[:16])
}

func (ts *Tables) path(d Database, c *format.Content, ext string) string {
	return filepath.Join(ts.dir, stem(d, c)+ext)
}

// Load returns the table of a content, or nil if there is none that can be
// trusted: it is missing, damaged, or of another content.
func (ts *Tables) Load(d Database, c *format.Content) *Table {
	t, err := Load(ts.path(d, c, tableExt))
	if err != nil || !t.Describes(c) {
		return nil
	}
	return t
}

// Save keeps the table of a content that is about to be published. That of the
// parent, nil if there is none, stays; those of attempts before are removed.
func (ts *Tables) Save(d Database, c *format.Content, t *Table, parent *format.Content) error {
	if !t.Describes(c) {
		return fmt.Errorf("keep block table: it is of another content")
	}
	keep := []string{stem(d, c)}
	if parent != nil {
		keep = append(keep, stem(d, parent))
	}
	if err := ts.removeOthers(d, keep...); err != nil {
		return fmt.Errorf("keep block table: %w", err)
	}
	if err := t.Save(ts.path(d, c, tableExt)); err != nil {
		return fmt.Errorf("keep block table: %w", err)
	}
	return nil
}

// Commit removes all tables of a database but that of the content which was
// published. Without it, the next Save does.
func (ts *Tables) Commit(d Database, c *format.Content) error {
	if err := ts.removeOthers(d, stem(d, c)); err != nil {
		return fmt.Errorf("keep block table: %w", err)
	}
	return nil
}

// Tidy removes the tables of databases that are not in the list, and what a
// crash left of files being written.
func (ts *Tables) Tidy(list []Database) error {
	listed := map[string]bool{}
	for _, d := range list {
		listed[d.key()] = true
	}
	err := ts.remove(func(name string) bool {
		key, _, _ := strings.Cut(name, "-")
		return !listed[key]
	})
	if err != nil {
		return fmt.Errorf("tidy block tables: %w", err)
	}
	return nil
}

func (ts *Tables) removeOthers(d Database, keep ...string) error {
	return ts.remove(func(name string) bool {
		if !strings.HasPrefix(name, d.key()) {
			return false
		}
		for _, k := range keep {
			if strings.HasPrefix(name, k) {
				return false
			}
		}
		return true
	})
}

func (ts *Tables) remove(which func(name string) bool) error {
	list, err := os.ReadDir(ts.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if which(e.Name()) {
			if err := os.Remove(filepath.Join(ts.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
