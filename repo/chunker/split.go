package chunker

import "io"

// Split reads r to its end and calls fn with each chunk, in order. A chunk is
// never empty and is valid until fn returns; empty content has no chunk.
//
// buf is working space, to be used again for the next file: Split uses up to
// 2·Max bytes of its capacity, at least Max, and makes its own of 2·Max bytes
// if buf is smaller. What r and fn return as an error, Split returns as it is;
// it gives no chunk of bytes whose end it has not seen.
func (c *Cutter) Split(r io.Reader, buf []byte, fn func(chunk []byte) error) error {
	w := window{r: r, buf: c.space(buf)}
	for {
		chunk := w.data()[:c.Cut(w.data(), w.eof)]
		if len(chunk) == 0 {
			if w.eof {
				return nil
			}
			if err := w.fill(); err != nil {
				return err
			}
			continue
		}
		if err := fn(chunk); err != nil {
			return err
		}
		w.start += len(chunk)
	}
}

// space returns the part of buf that Split works in, or a new one.
func (c *Cutter) space(buf []byte) []byte {
	if cap(buf) < c.params.Max {
		return make([]byte, 2*c.params.Max)
	}
	return buf[:min(cap(buf), 2*c.params.Max)]
}

// window is the part of a stream that lies in memory.
type window struct {
	r          io.Reader
	buf        []byte
	start, end int // buf[start:end] is read and not yet cut
	eof        bool
}

func (w *window) data() []byte { return w.buf[w.start:w.end] }

// fill moves the data to the start of buf and reads until buf is full or r has
// ended. io.ReadFull won't do: it reports the end of r as ErrUnexpectedEOF,
// and a remote that breaks off early must not pass for the end.
func (w *window) fill() error {
	w.end = copy(w.buf, w.data())
	w.start = 0
	for idle := 0; w.end < len(w.buf); idle++ {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		if err == io.EOF {
			w.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			idle = 0
		} else if idle >= 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}
