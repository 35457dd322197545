package repo

import (
	"context"
	"errors"
	"os"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
)

// Image lays a database's image into dst and proves it. dir is a folder for a
// temporary file, empty for the system's.
func (rd *Reader) Image(ctx context.Context, c *format.Content, dst image.File, dir string) error {
	body, err := rd.DataRefs(ctx, c)
	if err != nil {
		return farError(err)
	}
	if dir == "" {
		dir = os.TempDir()
	}
	fetch := func(ctx context.Context, refs []format.Ref, got func(i int, data []byte, err error)) {
		rd.Chunks(ctx, refs, func(i int, data []byte, err error) { got(i, data, farError(err)) })
	}
	return image.Apply(ctx, c, body, dst, fetch, dir)
}

// unreachableError says that a remote could not be read, whatever it holds.
type unreachableError struct{ error }

func (e unreachableError) Unwrap() error { return e.error }

// farError marks an error of reading that says nothing about the object.
func farError(err error) error {
	if err == nil || Damage(err) {
		return err
	}
	return unreachableError{err}
}

// OutOfReach reports whether err says that the remote could not be read, rather
// than that something on it is damaged or that this computer failed.
func OutOfReach(err error) bool {
	var far unreachableError
	return errors.As(err, &far)
}
