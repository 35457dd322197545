package livedb

import (
	"encoding/binary"
	"io"
)

// journalMagic begins a rollback journal's header, and ends a journal that
// names a super-journal.
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

const journalHeaderSize = 28

// validJournal says whether p, the start of a -journal, is a header that
// SQLite would act on. A finished transaction leaves zeros there, or no file.
func validJournal(p []byte) bool {
	if len(p) < journalHeaderSize || string(p[:8]) != journalMagic {
		return false
	}
	sector, page := binary.BigEndian.Uint32(p[20:]), binary.BigEndian.Uint32(p[24:])
	return validPage(page) && sector >= 32 && sector <= maxPage && sector&(sector-1) == 0
}

// namesSuper says whether a journal of the given size belongs to a transaction
// over several databases. Such a journal is played back only while the
// super-journal exists, which a copy does not bring along.
func namesSuper(j io.ReaderAt, size int64) bool {
	var tail [16]byte
	if size < int64(len(tail)) {
		return false
	}
	if _, err := j.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return true
	}
	return string(tail[8:]) == journalMagic && binary.BigEndian.Uint32(tail[:]) != 0
}
