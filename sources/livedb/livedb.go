// Package livedb copies a SQLite-type database while its app is writing it,
// without the key and without SQL, so that the copy is of one moment.
//
// Encryption as SQLCipher does it covers the bodies of pages only: the
// write-ahead log (WAL) around them, its checksums and its commit marks are
// plain. So a copy can be proven to be whole with the app's database closed to
// us. The proofs are three, each about the window between a look before the
// copy, state a, and one after it, state b:
//
//	W   the WAL's generation (its 32-byte header) is the same at a and after its
//	    frames were read. A checkpoint of that generation may have written the
//	    database meanwhile, but only pages of committed frames, and all of those
//	    are read afterwards and laid over the copy.
//	W0  the WAL was empty at a, and the wal-index already named the generation
//	    that was read later.
//	S   the database file did not change at all between a and b.
//
// Tier 0 takes no lock. Tier 1, for an app that restarts its WAL faster than
// we read, holds three shared-memory and file locks for at most two seconds,
// which an app sees as one more reader and a checkpoint that is busy.
//
// The result is one file: what the WAL holds is merged into the copy. Only a
// journal left by a crash in rollback mode stays a file of its own.
//
// The package knows nothing of apps, accounts or where the copy goes. The
// words are SQLite's; https://www.sqlite.org/fileformat2.html has the formats.
package livedb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// BlockSize is what a [Target] is written in, in bytes.
const BlockSize = 4096

// Target takes the copy of one database. It begins as the copy of which
// Options.Since speaks, or empty. Offsets and lengths are multiples of
// BlockSize; in the end Truncate says where in the last block the file ends.
type Target interface {
	// WriteAt sets blocks. A block may be set again; the last one holds.
	io.WriterAt
	// Hold is WriteAt for blocks that will be read again, or set in part.
	Hold(p []byte, off int64) error
	// ReadAt reads blocks set with Hold and not set since.
	io.ReaderAt
	// Truncate sets the length of the file: what lies behind is gone, what is
	// missing is zeros.
	Truncate(size int64) error
}

// Locks says which locks of the app's a capture may take.
type Locks int

const (
	// Brief allows tier 1: only while the app has the database open in WAL
	// mode, only after two copies without locks failed, at most Options.Hold.
	Brief Locks = iota
	// None takes no lock whatever happens.
	None
)

// Options tune one capture.
type Options struct {
	Locks    Locks
	Prefix   int64  // bytes before page 1
	PageSize int    // of the database, if nothing in its files says so; 0: 4096
	Since    []byte // Result.Mark of the copy that the target begins as; nil if it begins empty
	Full     bool   // read everything, whatever Since says
	Dir      string // a private folder of ours for temporary files; "": the system's

	Attempts int           // 0: 8
	Hold     time.Duration // how long tier 1 may keep its locks; 0: 2 s
	Patience time.Duration // how long to wait, in all, for a quiet moment; 0: 3 s
}

func (o Options) withDefaults() Options {
	if o.Attempts <= 0 {
		o.Attempts = 8
	}
	if o.Hold <= 0 {
		o.Hold = 2 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 3 * time.Second
	}
	return o
}

// Class is the state in which a database was found.
type Class string

// Classes.
const (
	WAL               Class = "wal"                // WAL mode, open in an app
	WALClosed         Class = "wal-closed"         // with a WAL that nobody has open
	WALExclusive      Class = "wal-exclusive"      // WAL mode, locked by one connection for itself
	Rollback          Class = "rollback"           // no WAL
	RollbackHot       Class = "rollback-hot"       // with the journal of an app that died
	RollbackExclusive Class = "rollback-exclusive" // locked by one connection for itself; the proof is only that nothing was written for a second
)

// Reason says why a copy could not be proven.
type Reason string

// Reasons.
const (
	Writing  Reason = "db_writing"  // it was written all the time
	Replaced Reason = "db_replaced" // another file took its place
	Damaged  Reason = "db_damaged"  // its WAL ends before the wal-index says
	Attached Reason = "db_attached" // a crash left a transaction over several databases
)

// Result is what a capture made.
type Result struct {
	// Same says that nothing changed since Options.Since; the target was not
	// written.
	Same bool
	// Patched says that only what changed since Options.Since was written.
	// Otherwise every block was.
	Patched bool
	// Proven says that the copy is of one moment. Otherwise it may be torn,
	// and Reason says why.
	Proven bool
	Reason Reason
	// Mark describes the copy to a later capture; nil if it can't be told
	// whether anything changes.
	Mark     []byte
	Plain    bool      // the content is not encrypted
	PageSize int       // of the database
	Size     int64     // of the copy, bytes
	ModTime  time.Time // of the database file
	Read     int64     // bytes read from the app's files
	// Journal is a rollback journal that the app left when it died, and that
	// belongs to the copy: only together they are whole. nil if there is none.
	// The caller closes it.
	Journal io.ReadCloser

	Class    Class
	Tier     int  // 1 if locks were taken for this copy
	Attempts int  // copies made
	Network  bool // on a file system that other computers may write to
}

// Opener opens the database's file or one beside it: name is the base name,
// alone or with -wal, -shm or -journal behind it, and flag is os.O_RDONLY or
// os.O_RDWR. It must not follow a symlink and not wait for a named pipe. An
// error wrapping fs.ErrNotExist means that there is no such file.
type Opener func(name string, flag int) (*os.File, error)

// Capture copies the database at path into t, together with what its WAL
// holds, as it was at one moment after Capture was called. The app's files are
// only read. Captures of the same database wait for each other.
//
// A copy that could not be proven is no error: see Result.Proven. An error
// wrapping fs.ErrNotExist means that the database is gone; after any error,
// what t holds means nothing.
func Capture(ctx context.Context, path string, t Target, o Options) (*Result, error) {
	dir, base := filepath.Split(path)
	return CaptureIn(ctx, openerIn(dir), base, t, o)
}

// CaptureIn is [Capture] of a database in a folder that open knows.
func CaptureIn(ctx context.Context, open Opener, base string, t Target, o Options) (*Result, error) {
	c := &capture{files: files{open: open, base: base, prefix: o.Prefix}, o: o.withDefaults(), t: t}
	r, err := c.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("copy database %s: %w", base, err)
	}
	return r, nil
}

// openerIn opens files by their path.
func openerIn(dir string) Opener {
	return func(name string, flag int) (*os.File, error) { return openQuietly(filepath.Join(dir, name), flag) }
}

var errNotRegular = errors.New("not a regular file")
