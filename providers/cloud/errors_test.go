package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/lib/file"
	"github.com/rclone/rclone/lib/pacer"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

func onPath(err error) error { return &iofs.PathError{Op: "open", Path: "/x", Err: err} }

func TestClassify(t *testing.T) {
	for _, test := range []struct{ err, class error }{
		{fs.ErrorObjectNotFound, providers.ErrNotExist},
		{fs.ErrorDirNotFound, providers.ErrNotExist},
		{fs.ErrorIsDir, providers.ErrNotExist},
		{onPath(syscall.ENOENT), providers.ErrNotExist},
		{onPath(syscall.ENOTDIR), providers.ErrNotExist},
		{onPath(syscall.ENOSPC), providers.ErrQuota},
		{onPath(syscall.EDQUOT), providers.ErrQuota},
		{file.ErrDiskFull, providers.ErrQuota},
		{fserrors.FatalError(onPath(syscall.ENOSPC)), providers.ErrQuota},
		{fserrors.RetryError(onPath(syscall.ENOSPC)), providers.ErrQuota},
		{onPath(syscall.EACCES), providers.ErrPermission},
		{onPath(syscall.EPERM), providers.ErrPermission},
		{onPath(syscall.EROFS), providers.ErrPermission},
		{fs.ErrorPermissionDenied, providers.ErrPermission},
		{onPath(syscall.EIO), providers.ErrTemporary},
		{onPath(syscall.ESTALE), providers.ErrTemporary},
		{onPath(syscall.ENOTCONN), providers.ErrTemporary},
		{fserrors.RetryErrorf("try again"), providers.ErrTemporary},
		{os.ErrDeadlineExceeded, providers.ErrTemporary},
		{io.ErrUnexpectedEOF, providers.ErrTemporary},
		{pacer.RetryAfterError(errors.New("slow down"), time.Minute), providers.ErrRate},
	} {
		err := classify(fmt.Errorf("wrapped: %w", test.err), "local:/x")
		for _, class := range []error{
			providers.ErrNotExist, providers.ErrAuth, providers.ErrQuota, providers.ErrRate,
			providers.ErrTemporary, providers.ErrPermission, providers.ErrCorrupt,
		} {
			if errors.Is(err, class) != (class == test.class) {
				t.Errorf("%v is %v: %t", test.err, class, class != test.class)
			}
		}
		if h := hint.Find(err); h == nil || h.Args["remote"] != "local:/x" {
			t.Errorf("%v has hint %+v", test.err, h)
		}
	}
}

func TestClassifyRetryAfter(t *testing.T) {
	err := classify(pacer.RetryAfterError(errors.New("slow down"), time.Minute), "x:y")
	if providers.RetryAfter(err) != time.Minute {
		t.Errorf("asks for %v", providers.RetryAfter(err))
	}
}

// What has no class stays as it is: strange errors, and those of the source.
func TestClassifyNothing(t *testing.T) {
	for _, err := range []error{
		errors.New("strange"), onPath(syscall.ENAMETOOLONG), &sourceError{onPath(syscall.ENOENT)}, &sourceError{onPath(syscall.EIO)},
	} {
		if got := classify(err, "x:y"); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestFailed(t *testing.T) {
	r := openFolder(t, t.TempDir())
	if err := r.failed(t.Context(), "put", "a/x", nil); err != nil {
		t.Error(err)
	}
	if err := r.failed(t.Context(), "list", "", errors.New("strange")); err.Error() != "list: strange" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.failed(ctx, "put", "a/x", onPath(syscall.EIO)); err != context.Canceled {
		t.Error(err)
	}
}
