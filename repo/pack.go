package repo

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
)

// frame is one compressed chunk on its way into a pack. Its buffer goes back
// to the pool once it is sealed.
type frame struct{ data *[]byte }

// packSink seals frames into one spool file, in the order they come. The
// caller assigns places (see Writer.place); the sink only encrypts, hashes and
// writes, in a goroutine of its own.
type packSink struct {
	token   format.Digest // stands for the pack's name until it is known
	size    int64         // plaintext bytes placed so far
	entries []format.ContentsEntry
	frames  chan frame
	done    chan struct{} // closed when name or err is set
	name    format.Digest
	sealed  int64 // bytes of the object
	err     error
}

// spoolFile is a pack object being written.
type spoolFile struct {
	file *os.File
	out  *bufio.Writer // to file
	sum  hash.Hash
	age  io.WriteCloser
	n    int64
}

// spoolWrite is how much is written at a time. Measured: the pieces of 64 KiB
// and a tag that age gives cost twice the CPU.
const spoolWrite = 512 << 10

func (s *spoolFile) Write(p []byte) (int, error) {
	s.sum.Write(p)
	n, err := s.out.Write(p)
	s.n += int64(n)
	return n, err
}

// spoolTemp is the pattern of a pack that is not whole yet.
const spoolTemp = "filling-*.tmp"

func newSpoolFile(dir string, to *crypto.Recipient) (*spoolFile, error) {
	f, err := os.CreateTemp(dir, spoolTemp)
	if err != nil {
		return nil, fmt.Errorf("fill a pack: %w", localError(err))
	}
	s := &spoolFile{file: f, out: bufio.NewWriterSize(f, spoolWrite), sum: sha256.New()}
	if s.age, err = crypto.Seal(s, to); err != nil {
		return nil, errors.Join(err, s.abort())
	}
	return s, nil
}

func (s *spoolFile) abort() error {
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// run seals frames until the channel closes, then closes the pack. The object
// ends up in dir under the name its digest gives.
func (p *packSink) run(dir string, device format.DeviceID, to *crypto.Recipient, recycle func(frame)) {
	defer close(p.done)
	s, err := newSpoolFile(dir, to)
	for f := range p.frames {
		if err == nil {
			_, err = s.age.Write(*f.data)
		}
		recycle(f)
	}
	if err == nil {
		err = p.finish(s, dir, device)
	}
	if err != nil {
		p.err = fmt.Errorf("fill a pack: %w", localError(err))
		if s != nil {
			_ = s.abort() // the first error is the one to tell
		}
	}
}

// finish writes contents table, padding and end, and gives the file its name.
func (p *packSink) finish(s *spoolFile, dir string, device format.DeviceID) error {
	contents := format.Contents{Device: device, Entries: p.entries}
	tail := format.AppendFrame(nil, format.FrameContents, contents.Encode())
	tail = append(tail, format.Tail(p.size+int64(len(tail)), p.size, format.PaddedPack)...)
	if _, err := s.age.Write(tail); err != nil {
		return err
	}
	if err := s.age.Close(); err != nil {
		return err
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.sum.Sum(p.name[:0])
	p.sealed = s.n
	if err := s.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(s.file.Name(), spoolPath(dir, p.name)); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

func spoolPath(dir string, name format.Digest) string {
	return filepath.Join(dir, name.String()+".age")
}

// describe returns what the index says of the pack.
func (p *packSink) describe() format.Pack {
	return format.Pack{Name: p.name, Size: uint64(p.sealed), Entries: p.entries}
}
