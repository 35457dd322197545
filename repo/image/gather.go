package image

import "io"

// gather writes what follows one another in one go: thousands of pages that
// moved stand side by side.
type gather struct {
	dst io.WriterAt
	at  int64
	buf []byte
}

const gatherSize = 256 << 10

func newGather(dst io.WriterAt) *gather { return &gather{dst: dst, buf: make([]byte, 0, gatherSize)} }

// WriteAt may keep p until flush; the bytes, not the slice.
func (g *gather) WriteAt(p []byte, at int64) (int, error) {
	if at != g.at+int64(len(g.buf)) || len(g.buf)+len(p) > cap(g.buf) {
		if err := g.flush(); err != nil {
			return 0, err
		}
		g.at = at
	}
	if len(p) > cap(g.buf) {
		return g.dst.WriteAt(p, at)
	}
	g.buf = append(g.buf, p...)
	return len(p), nil
}

func (g *gather) flush() error {
	_, err := g.dst.WriteAt(g.buf, g.at)
	g.buf = g.buf[:0]
	return err
}
