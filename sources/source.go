// Package sources finds what is to be kept: chat apps and folders on this
// computer.
//
// A [Source] is one configured app or folder; an [Account] is one of its
// accounts on this device; a [View] is a look at an account's files for one
// snapshot. Sources only ever read. This package knows nothing of
// repositories, remotes or keys.
//
// A new source implements these interfaces and passes sourcetest.Run;
// sources/folder is the short commented example to copy.
package sources

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors a View can wrap. The hint codes attached say what to do.
var (
	ErrVanished = errors.New("the folder is gone")           // the account's root does not exist any more
	ErrEmpty    = errors.New("the folder is suddenly empty") // nothing there, maybe an unmounted disk
	ErrChanging = errors.New("the file changed while read")  // content does not belong to one moment
)

// Source is one entry of the user's sources list.
type Source interface {
	// Accounts returns what there is to back up, in a stable order. A source
	// that finds none returns an empty list and no error.
	Accounts(ctx context.Context) ([]Account, error)
}

// Account is one thing to back up, with a name that is unique in the
// configuration and stable over time: it becomes the first folder of a
// restore. Names match [a-zA-Z0-9._-]+ or letters of any script, never
// contain a slash and are at most 80 bytes.
type Account interface {
	Name() string // as above
	Kind() string // "folder", "wechat", …
	Root() string // absolute path on this computer, for messages only
	// View opens the account for one snapshot. It returns ErrVanished if the
	// root does not exist. The caller closes it.
	View(ctx context.Context) (View, error)
}

// Type is the kind of a file system entry.
type Type uint8

// Only these three are kept; anything else (socket, fifo, device) is skipped
// and named.
const (
	File Type = iota
	Dir
	Symlink
)

// Entry describes one file, folder or symlink as it was seen while walking.
type Entry struct {
	Path     string // relative to the root, slash-separated, raw bytes, never empty, no "." or ".."
	Type     Type
	Size     int64     // bytes, files only
	Mode     uint32    // permission bits with setuid, setgid, sticky as in stat(2)
	ModTime  time.Time // nanoseconds where the file system has them
	ChangeNS int64     // ctime in ns since 1970, 0 if unknown
	Inode    uint64    // 0 if unknown
	Device   uint64    // device the inode belongs to
	Links    uint64    // number of hard links, 0 if unknown
	UID, GID uint32
	HasOwner bool   // UID and GID are known
	Target   string // symlinks: where it points, raw bytes
	Category string // "messages", "images", …; "files" for a plain folder
	Priority int    // 0 goes first

	// Database says that the file is a database: see [Databases].
	Database bool
	// JournalOf is the path of the database whose rollback journal this is. It
	// is kept only if the capture of that database says that it belongs to it.
	JournalOf string
	// Settle is how long the file must have been left alone: one that was
	// written since may be half there, and waits for the next backup. 0: it is
	// taken as it is.
	Settle time.Duration
}

// XAttr is one extended attribute.
type XAttr struct {
	Name  string
	Value []byte
}

// Reason is a stable code for why something was skipped or flagged.
type Reason string

// Reasons a source gives.
const (
	Unreadable  Reason = "unreadable"   // permission or I/O error
	Special     Reason = "special"      // socket, fifo or device
	TooLarge    Reason = "too_large"    // over max_file_size
	Changing    Reason = "changing"     // changed while it was read; kept as read, flagged
	OtherDevice Reason = "other_device" // reserved for sources that stay on one file system
	Waiting     Reason = "waiting"      // being written; it, and all below it, stays as it was in the last snapshot
	Torn        Reason = "torn"         // a database that could not be proven to be of one moment
)

// Skipped names something that is not in the snapshot, or is but flagged.
type Skipped struct {
	Path   string // as in Entry, or "." for the root
	Reason Reason
	Err    error // the cause where there is one
}

// View is one look at an account. Walk is called once, before any Open; Open
// and XAttrs may be called concurrently, also while Walk runs.
type View interface {
	// Walk calls entry for everything that is to be kept, in tree order: a
	// folder before its content, siblings ordered by the bytes of their
	// names, a folder's whole content before the folder's next sibling. What
	// the user's rules leave out is not mentioned; what can't be read is
	// passed to skipped with the reason. The root itself is not an entry. An
	// error from entry ends the walk and is returned as it is. A file that
	// disappears between listing and looking is no error and not mentioned.
	Walk(ctx context.Context, entry func(Entry) error, skipped func(Skipped)) error

	// Open opens a file's content for one sequential read, without following
	// symlinks and without leaving the root. An error wrapping fs.ErrNotExist
	// means that it is gone since. The caller closes it.
	Open(ctx context.Context, e Entry) (Content, error)

	// XAttrs returns the extended attributes of an entry, sorted by name, or
	// none where the file system has none.
	XAttrs(e Entry) ([]XAttr, error)

	// Close ends the look.
	Close() error
}

// Content is an open file.
type Content interface {
	io.ReadCloser
	// Stat looks again at the open file: an entry with the same Path whose
	// size and times tell whether it changed since, and what the times of the
	// bytes that were read are.
	Stat() (Entry, error)
}

// Attributed is a Content that knows the file's extended attributes without
// another look at its path. It keeps the promises of View.XAttrs.
type Attributed interface {
	XAttrs() ([]XAttr, error)
}
