package livedb

import (
	"cmp"
	"time"
)

// describe says what the copy is, and marks it if that is proven.
func (c *capture) describe(r *Result, at *attempt) {
	s := at.wal.scan
	st := at.a
	if at.b != nil {
		st = at.b
	}
	r.ModTime = time.Unix(0, st.db.mtime)
	size, plain := plainPageSize(at.a.page1[:])
	if s != nil {
		size = s.pageSize
		plain = plain || s.plain()
	}
	size = cmp.Or(size, c.o.PageSize, BlockSize)
	r.Plain, r.PageSize = plain, size
	// Under tier 1 without frames, the WAL may still be there with old ones.
	if !r.Proven || r.Network || at.hot != nil || at.tier == 1 && s == nil {
		return
	}
	m := &mark{db: st.db, prefix: c.prefix, pageSize: size, size: r.Size, plain: plain, log: s != nil}
	if s != nil {
		m.wal, m.head, m.frames, m.sum = at.wal.id, at.wal.head, s.frames, s.sum
	}
	r.Mark = m.encode()
}

// plain says whether page 1, if a frame holds it, is not encrypted.
func (s *scan) plain() bool {
	if len(s.index) == 0 || s.index[0].pgno != 1 { // sorted by latest
		return false
	}
	var p [18]byte
	if s.body(p[:], s.index[0].frame) != nil {
		return false
	}
	_, plain := plainPageSize(p[:])
	return plain
}
