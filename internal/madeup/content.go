package madeup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"sync"
)

const bufferSize = 64 * pageSize

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// stream returns the random bytes that belong to a name.
func (t *tree) stream(name string) *rand.ChaCha8 {
	b := binary.LittleEndian.AppendUint64([]byte("chatkeep/madeup/"), t.o.Seed)
	return rand.NewChaCha8(sha256.Sum256(append(b, name...)))
}

// sink is where content goes. Hole stands for n bytes of zero.
type sink interface {
	io.Writer
	Hole(n int64) error
}

// write writes the whole content of f as of today.
func (t *tree) write(w sink, f *file) error {
	switch f.kind {
	case jsonText, lineText, settings:
		if err := t.writeText(w, f, segment{0, f.base}); err != nil {
			return err
		}
		for _, s := range f.days {
			if err := t.writeText(w, f, s); err != nil {
				return err
			}
		}
		return nil
	case pageFile:
		return t.writePageFile(w, f)
	case database, recordedFile, walFile, shmFile:
		_, err := w.Write(t.rendered(f))
		return err
	default:
		return t.writeNoise(w, f)
	}
}

// writeNoise writes incompressible bytes behind the first bytes that tell a
// file's type.
func (t *tree) writeNoise(w sink, f *file) error {
	size, stream := f.size, t.stream("content/"+f.key)
	if t.o.Sparse && size > sparseMin {
		const end = 64 << 10
		if err := w.Hole(size - end); err != nil {
			return err
		}
		size = end
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for first := true; size > 0; first = false {
		p := buf[:min(size, bufferSize)]
		stream.Read(p)
		if first {
			copy(p, magic[path.Ext(f.key)])
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
		size -= int64(len(p))
	}
	return nil
}

// magic are the first bytes of well-known types, for programs that look.
var magic = map[string]string{
	".jpg": "\xff\xd8\xff\xe0\x00\x10JFIF\x00", ".mp4": "\x00\x00\x00\x18ftypmp42", ".pdf": "%PDF-1.7\n",
	".zip": "PK\x03\x04", ".docx": "PK\x03\x04", ".xlsx": "PK\x03\x04", ".pptx": "PK\x03\x04", ".apk": "PK\x03\x04",
	".amr": "#!AMR\n",
}

// writePageFile writes an encrypted database: the pages of its birth, less
// those that a later day wrote.
func (t *tree) writePageFile(w io.Writer, f *file) error {
	stream := t.stream("content/" + f.key)
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for at := int64(0); at < f.size; at += bufferSize {
		p := buf[:min(f.size-at, bufferSize)]
		stream.Read(p)
		for n := int64(0); n < int64(len(p)); n += pageSize {
			if day := f.pages[(at+n)/pageSize]; day > 0 {
				t.page(p[n:min(n+pageSize, int64(len(p)))], f, (at+n)/pageSize, day)
			}
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// rendered returns the whole content of f, of which there is more than one
// way to change a part.
func (t *tree) rendered(f *file) []byte {
	switch f.kind {
	case recordedFile:
		return t.recordedBytes(f)
	case walFile:
		_, b := t.logOf(f.db)
		return b
	case shmFile:
		return t.indexOf(f.db)
	}
	return t.databaseBytes(f)
}

// page fills p with page n of f as day wrote it. The first one begins with the
// database's salt, which stays.
func (t *tree) page(p []byte, f *file, n int64, day int) {
	t.stream(fmt.Sprintf("page/%s/%d/%d", f.key, n, day)).Read(p)
	if n == 0 {
		t.stream("content/" + f.key).Read(p[:saltSize])
	}
}

// same is a sink that compares what is written with what r holds.
type same struct {
	r io.Reader
	p *[bufferSize]byte
}

func (s *same) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		p := s.p[:min(len(b)-done, bufferSize)]
		if _, err := io.ReadFull(s.r, p); err != nil {
			return done, err
		}
		if !bytes.Equal(p, b[done:done+len(p)]) {
			return done, errContent
		}
		done += len(p)
	}
	return len(b), nil
}

var zeros [bufferSize]byte

func (s *same) Hole(n int64) error {
	for ; n > 0; n -= bufferSize {
		if _, err := s.Write(zeros[:min(n, bufferSize)]); err != nil {
			return err
		}
	}
	return nil
}
