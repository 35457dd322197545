package livedb

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// mark describes a copy, so that a later capture can tell what changed since.
type mark struct {
	db       stat  // of the database when it was copied
	prefix   int64 // bytes before page 1
	pageSize int
	size     int64 // of the copy
	plain    bool
	log      bool // the copy holds what was in the WAL:
	wal      fileID
	head     rawHeader // its generation
	frames   uint32    // up to the last commit
	sum      sum       // the chain there
}

const (
	markVersion = 1
	markSum     = 8 // bytes of checksum
)

var errMark = errors.New("not a mark")

func (m *mark) encode() []byte {
	p := []byte{markVersion, bit(m.plain) | bit(m.log)<<1}
	for _, v := range []uint64{
		m.db.id.dev, m.db.id.ino, uint64(m.db.id.birth), uint64(m.db.size), uint64(m.db.mtime), uint64(m.db.ctime),
		uint64(m.prefix), uint64(m.pageSize), uint64(m.size),
	} {
		p = binary.AppendUvarint(p, v)
	}
	if m.log {
		for _, v := range []uint64{m.wal.dev, m.wal.ino, uint64(m.wal.birth), uint64(m.frames), uint64(m.sum[0]), uint64(m.sum[1])} {
			p = binary.AppendUvarint(p, v)
		}
		p = append(p, m.head[:]...)
	}
	check := sha256.Sum256(p)
	return append(p, check[:markSum]...)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// decodeMark reads a mark. One that is damaged, or of another version, is as
// good as none.
func decodeMark(p []byte) (*mark, error) {
	body := len(p) - markSum
	if body < 2 || p[0] != markVersion || p[1] > 3 {
		return nil, errMark
	}
	if check := sha256.Sum256(p[:body]); string(check[:markSum]) != string(p[body:]) {
		return nil, errMark
	}
	m := &mark{plain: p[1]&1 != 0, log: p[1]&2 != 0}
	r := &numbers{p: p[2:body]}
	m.db.id = r.file()
	m.db.size, m.db.mtime, m.db.ctime = int64(r.next()), int64(r.next()), int64(r.next())
	m.prefix, m.pageSize, m.size = int64(r.next()), int(r.next()), int64(r.next())
	if m.log {
		m.wal = r.file()
		m.frames, m.sum = uint32(r.next()), sum{uint32(r.next()), uint32(r.next())}
		if len(r.p) < walHeaderSize {
			return nil, errMark
		}
		m.head = rawHeader(r.p)
		r.p = r.p[walHeaderSize:]
	}
	if r.bad || len(r.p) > 0 {
		return nil, errMark
	}
	return m, nil
}

// numbers reads varints.
type numbers struct {
	p   []byte
	bad bool
}

func (r *numbers) next() uint64 {
	v, n := binary.Uvarint(r.p)
	if n <= 0 {
		r.p, r.bad = nil, true
		return 0
	}
	r.p = r.p[n:]
	return v
}

func (r *numbers) file() fileID {
	return fileID{dev: r.next(), ino: r.next(), birth: int64(r.next())}
}
