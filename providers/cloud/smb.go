package cloud

import (
	"context"
	"errors"
	"slices"
	"time"

	smb2 "github.com/cloudsoda/go-smb2"
)

// What a Windows share answers, by the numbers of MS-ERREF. go-smb2 has a word
// only for a file that is there, is not there, or is refused.
var (
	smbSignedOut = inSMB(0xC000006D, 0xC0000071, 0xC0000072, 0xC0000224, 0xC0000234) // logon failure; password expired; account disabled; must change; locked out
	smbFull      = inSMB(0xC000007F, 0xC0000044, 0xC0000802)                         // disk full; quotas
	smbNoShare   = inSMB(0xC00000CC)
	smbBusy      = inSMB(0xC0000043, 0xC0000056)             // sharing violation; delete pending
	smbNoList    = inSMB(0xC00000BB, 0xC000000D, 0xC0000103) // not supported; invalid parameter; not a directory: a file was to be listed
)

func inSMB(codes ...uint32) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*smb2.ResponseError](err)
		return ok && slices.Contains(codes, e.Code)
	}
}

// isSMBAway fits a connection that broke.
func isSMBAway(err error) bool {
	_, broken := errors.AsType[*smb2.TransportError](err)
	return broken || smbBusy(err)
}

// A file of a share can't be opened in the moment in which another connection
// renames it. Windows itself tries again then, too.
const (
	busyTries = 20
	busyWait  = 50 * time.Millisecond
)

// patiently makes a call that another connection may be in the way of.
func (r *remote) patiently(ctx context.Context, call func() error) error {
	for try := 1; ; try++ {
		err := call()
		if try == busyTries || !smbBusy(err) {
			return err
		}
		if err := r.gate.sleep(ctx, busyWait); err != nil {
			return err
		}
	}
}
