package cloud

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"syscall"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/lib/file"
	"github.com/rclone/rclone/lib/pacer"

	"github.com/chatkeep/chatkeep/providers"
)

// failed says what was done to which object when err happened, and of which
// class it is. A call whose ctx ended returns ctx.Err().
func (r *remote) failed(ctx context.Context, operation string, name providers.Name, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if name == "" {
		return fmt.Errorf("%s: %w", operation, classify(err, r.String()))
	}
	return fmt.Errorf("%s %s: %w", operation, name, classify(err, r.String()))
}

// sourceError is a failure of the caller's source, not of the remote. It has
// no class, however much its cause looks like one.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read source: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// classify ties an error of rclone or the operating system to its class.
func classify(err error, place string) error {
	if _, ok := errors.AsType[*sourceError](err); ok {
		return err
	}
	if after, ok := pacer.IsRetryAfter(err); ok {
		return providers.Fail(providers.ErrRate, &providers.RetryAfterError{After: after, Err: err}, "remote", place)
	}
	for _, c := range classes {
		if c.fits(err) {
			return providers.Fail(c.class, err, "remote", place)
		}
	}
	return err
}

// isMissing tells whether err says that an object or folder is not there.
var isMissing = oneOf(fs.ErrorObjectNotFound, fs.ErrorDirNotFound, fs.ErrorIsDir, iofs.ErrNotExist, syscall.ENOTDIR)

// classes are tried in order: rclone marks many errors as worth a retry that
// we know better.
var classes = []struct {
	class error
	fits  func(error) bool
}{
	{providers.ErrNotExist, isMissing},
	{providers.ErrQuota, oneOf(file.ErrDiskFull, syscall.ENOSPC, syscall.EDQUOT)},
	{providers.ErrPermission, oneOf(fs.ErrorPermissionDenied, iofs.ErrPermission, syscall.EROFS)},
	{providers.ErrTemporary, oneOf(unsteady...)},
	{providers.ErrTemporary, worthRetry},
}

// unsteady is what a disk that was pulled out or a network folder whose
// server is away answers.
var unsteady = []error{
	syscall.EIO, syscall.EAGAIN, syscall.EBUSY, syscall.EINTR, syscall.ETIMEDOUT, syscall.ESTALE,
	syscall.ENODEV, syscall.ENXIO, syscall.ENOTCONN, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
	syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EMFILE, syscall.ENFILE,
}

func oneOf(causes ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) })
	}
}

func worthRetry(err error) bool {
	return fserrors.IsRetryError(err) || fserrors.ShouldRetry(err)
}
