// Package providers stores a repository's objects on services such as Google
// Drive, OneDrive or a plain folder.
//
// A provider is a kind of service; a [Remote] is one configured place on it.
// This package knows nothing of packs, keys or snapshots: to it, an object is
// a name and some bytes, already encrypted.
//
// A new provider implements Remote and passes providertest.Run. Retries and
// verification of uploads stand above every provider, in [Reliable]; a
// provider itself tries once and says precisely what went wrong.
package providers

import (
	"context"
	"io"
	"time"
)

// Name is the name of an object on a remote: slash-separated, made of
// [a-z0-9./-] (README.txt apart), at most 160 characters, without empty, "."
// or ".." elements. [ValidName] tells.
type Name string

// Algorithm names a checksum a provider can report, in lower case: "sha256",
// "md5", "sha1", "quickxor".
type Algorithm string

// SHA256 is the checksum that also is most objects' name.
const SHA256 Algorithm = "sha256"

// Info describes one stored object.
type Info struct {
	Name    Name
	Size    int64                // bytes
	ModTime time.Time            // by the remote's clock; zero if unknown
	Sums    map[Algorithm]string // lower-case hex; what the provider reported, maybe nothing

	// Verified says, of what Put returned, that a checksum the service reported
	// for what it stored is that of what was sent.
	Verified bool
}

// Source is the content of an object to be put. It can be opened again for
// every attempt and always yields the same Size bytes.
type Source interface {
	// Size is the exact length in bytes; never zero.
	Size() int64
	// Sums holds checksums of the content computed by the caller, at least
	// SHA256. Put implementations may compare them with what the service
	// reports; they never compute them again.
	Sums() map[Algorithm]string
	// Open returns a new reader from the first byte. The caller closes it.
	Open() (io.ReadCloser, error)
}

// Remote is one place where objects lie. All methods may be called
// concurrently, return promptly with ctx.Err() once ctx ends, and wrap one of
// this package's error values (ErrNotExist, ErrAuth, …) where it applies; an
// error that wraps none is permanent and unexpected.
type Remote interface {
	// String returns the place as a person would write it, "type:path",
	// without secrets.
	String() string

	// Put stores the object under its name, replacing nothing: objects are
	// immutable and the same name always means the same bytes, so putting an
	// existing name again is harmless. When Put returns nil, the whole object
	// is stored durably (it survives a crash of the service's side as far as
	// the service can promise; for a plain folder file and folder are synced)
	// and Get returns it. After an error the object is absent or whole, never
	// a prefix. The returned Info carries what the service itself reported.
	Put(ctx context.Context, name Name, src Source) (Info, error)

	// Get returns n bytes of the object starting at offset, or all bytes from
	// offset if n is -1. The caller closes the reader. It returns ErrNotExist
	// for an unknown name; Read returns io.ErrUnexpectedEOF if the object ends
	// before offset+n, and io.EOF only after the last promised byte.
	Get(ctx context.Context, name Name, offset, n int64) (io.ReadCloser, error)

	// Stat describes one object, or returns ErrNotExist. It is the only proof
	// of absence.
	Stat(ctx context.Context, name Name) (Info, error)

	// List calls fn for every object whose name begins with the folder prefix
	// (which ends in "/" or is empty for all), recursively, in no particular
	// order; a missing folder is an empty one. Recent objects may be missing
	// from a listing: never conclude absence from it. With opt.Sums the Infos
	// carry checksums even where that costs reading the object's bytes. An
	// error from fn ends the listing and is returned as it is.
	List(ctx context.Context, prefix Name, opt ListOptions, fn func(Info) error) error

	// Delete removes the object for good, past any trash the service has.
	// Deleting an unknown name is no error.
	Delete(ctx context.Context, name Name) error

	// MakeFolder creates the folder (no trailing slash) and its parents. It is
	// no error if it exists. Put creates missing folders too; this call is for
	// the folders that several devices share, which one device makes at init.
	MakeFolder(ctx context.Context, folder Name) error

	// Traits says what this remote can promise. It makes no request.
	Traits() Traits

	// Close releases connections. No call may follow.
	Close() error
}

// ListOptions chooses what a listing costs.
type ListOptions struct {
	Sums bool // report checksums even where the object must be read for them
}

// Traits are what a provider can promise, fixed while a Remote is open.
type Traits struct {
	Sums         []Algorithm // checksums a listing reports, empty if none
	SumsCostRead bool        // computing them reads the object's bytes (a plain folder)
	LocalPath    string      // absolute path of the folder, if it is one on this computer
	Transfers    int         // how many objects it should be sent at a time; 0: the caller's choice
}
