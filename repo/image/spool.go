package image

import (
	"io"

	"github.com/chatkeep/chatkeep/repo/format"
)

// spool is a temporary file with the chunks that Apply needs again.
type spool struct {
	file    *spill
	end     int64
	layers  []span
	sources map[[32]byte]span // chunks that layers copy from; of no bytes until they are there
	buf     []byte            // one layer
	piece   []byte            // of a chunk that is copied from
}

type span struct{ at, n int64 }

func (s *spool) put(data []byte) (span, error) {
	at := span{s.end, int64(len(data))}
	s.end += at.n
	_, err := s.file.WriteAt(data, at.at)
	return at, err
}

// layer reads a layer. It is valid until the next call.
func (s *spool) layer(i int) (*format.Layer, error) {
	at := s.layers[i]
	if int64(cap(s.buf)) < at.n {
		s.buf = make([]byte, at.n)
	}
	s.buf = s.buf[:at.n]
	if _, err := s.file.ReadAt(s.buf, at.at); err != nil {
		return nil, err
	}
	return format.DecodeLayer(s.buf)
}

// lacks reports whether layers copy from a chunk that is not there yet.
func (s *spool) lacks(id [32]byte) bool {
	at, ok := s.sources[id]
	return ok && at.n == 0
}

// source puts a chunk aside if layers copy from it.
func (s *spool) source(id [32]byte, data []byte) error {
	if !s.lacks(id) {
		return nil
	}
	at, err := s.put(data)
	s.sources[id] = at
	return err
}

// copy writes an extent whose bytes stand in a chunk.
func (s *spool) copy(dst io.WriterAt, x *format.Extent, id [32]byte) error {
	if s.piece == nil {
		s.piece = make([]byte, gatherSize)
	}
	from, n := s.sources[id].at+int64(x.From), int64(x.N)
	for done := int64(0); done < n; {
		p := s.piece[:min(n-done, gatherSize)]
		if _, err := s.file.ReadAt(p, from+done); err != nil {
			return err
		}
		if _, err := dst.WriteAt(p, int64(x.At)+done); err != nil {
			return err
		}
		done += int64(len(p))
	}
	return nil
}
