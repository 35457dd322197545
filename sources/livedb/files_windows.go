package livedb

import (
	"errors"
	"os"
	"syscall"
)

// openQuietly lets the app delete and rename the file while we have it open.
func openQuietly(path string, flag int) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	access := uint32(syscall.GENERIC_READ)
	if flag&os.O_RDWR != 0 {
		access |= syscall.GENERIC_WRITE
	}
	const share = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | syscall.FILE_SHARE_DELETE
	h, err := syscall.CreateFile(name, access, share, nil, syscall.OPEN_EXISTING,
		syscall.FILE_ATTRIBUTE_NORMAL|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

func statOf(f *os.File) (stat, error) {
	h := syscall.Handle(f.Fd())
	if kind, err := syscall.GetFileType(h); err != nil || kind != syscall.FILE_TYPE_DISK {
		return stat{}, errors.Join(errNotRegular, err)
	}
	var i syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(h, &i); err != nil {
		return stat{}, os.NewSyscallError("GetFileInformationByHandle", err)
	}
	if i.FileAttributes&(syscall.FILE_ATTRIBUTE_DIRECTORY|syscall.FILE_ATTRIBUTE_REPARSE_POINT) != 0 {
		return stat{}, errNotRegular
	}
	return stat{
		id: fileID{
			dev: uint64(i.VolumeSerialNumber), ino: uint64(i.FileIndexHigh)<<32 | uint64(i.FileIndexLow),
			birth: i.CreationTime.Nanoseconds(),
		},
		size: int64(i.FileSizeHigh)<<32 | int64(i.FileSizeLow), mtime: i.LastWriteTime.Nanoseconds(),
	}, nil
}

// The bytes that SQLite locks. Locks keep readers out here; there is no data
// behind them.
const (
	lockBytes    = 0x40000000
	lockBytesEnd = lockBytes + 512
)

// readAt reads zeros where SQLite's locks are.
func readAt(f *os.File, p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	if end <= lockBytes || off >= lockBytesEnd {
		return f.ReadAt(p, off)
	}
	n := 0
	if off < lockBytes {
		var err error
		if n, err = f.ReadAt(p[:lockBytes-off], off); err != nil {
			return n, err
		}
	}
	st, err := statOf(f)
	if err != nil {
		return n, err
	}
	for ; n < len(p) && off+int64(n) < min(lockBytesEnd, st.size); n++ {
		p[n] = 0
	}
	if n == len(p) {
		return n, nil
	}
	m, err := f.ReadAt(p[n:], off+int64(n))
	return n + m, err
}
