package sources

import (
	"context"
	"io"
	"time"
)

// Databases is a View of an app that keeps SQLite-type databases, which it may
// be writing at any moment. Their entries have Database set and are captured,
// not opened. No key is needed: an encrypted database is copied as it is.
type Databases interface {
	View
	// Databases lists the account's databases in the order in which to capture
	// them: lowest Priority first, and an index before what it points at. It
	// may be called before Walk, and may miss a database that Walk finds.
	Databases(ctx context.Context) ([]Entry, error)

	// Capture copies a database into t, together with what its write-ahead log
	// holds, as it was at one moment after Capture was called. It may be called
	// concurrently, for different databases. An error wrapping fs.ErrNotExist
	// means that it is gone; after any error, what t holds means nothing.
	Capture(ctx context.Context, e Entry, t Target, o CaptureOptions) (*Captured, error)
}

// BlockSize is what a Target is written in, in bytes. The pages of a database
// may be of any size.
const BlockSize = 4096

// Target takes the copy of one database. It begins as the copy of which
// CaptureOptions.Since speaks, or empty. Offsets are multiples of BlockSize
// and so are lengths, but for the last block of the file.
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

// CaptureOptions tune one capture.
type CaptureOptions struct {
	// Since is Captured.Mark of the copy that the target begins as; nil if it
	// begins empty.
	Since []byte
	// Full reads everything, whatever Since says.
	Full bool
	// Dir is a private folder of ours for temporary files.
	Dir string
}

// Captured is what a capture made.
type Captured struct {
	// Same says that nothing changed since CaptureOptions.Since; the target
	// was not written.
	Same bool
	// Patched says that only what changed since CaptureOptions.Since was
	// written. Otherwise every block was.
	Patched bool
	// Proven says that the copy is of one moment. Otherwise it may be torn.
	Proven bool
	// Mark describes the copy to a later capture; opaque, a few hundred bytes.
	// nil if it can't be told whether anything changes.
	Mark []byte
	// Plain says that the content is not encrypted: it can be compressed, and
	// pages that moved are found by their content.
	Plain   bool
	Size    int64     // of the copy, bytes
	ModTime time.Time // of the database file
	Read    int64     // bytes read from files
	// Journal is a rollback journal that the app left when it died, and that
	// belongs to the copy: only together they are whole. nil if there is none.
	// The caller closes it.
	Journal io.ReadCloser
}
