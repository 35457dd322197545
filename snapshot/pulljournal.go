package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/chatkeep/chatkeep/repo/format"
)

// pullJournal is what a pull has done since the list of a source was written.
// What it says of a file is on the disk before the file has its name, so that a
// pull that was killed still knows what is its own. It is folded into the list
// when the pull ends, and by the next one if it didn't.
type pullJournal struct {
	path string
	file *os.File
	out  *bufio.Writer
}

// What a line of the journal says.
const (
	journalPut  = 1 // pull has made this, or is about to
	journalDrop = 2 // it is not pull's any more
	journalGone = 3 // the source has it no more, and it stays
	// journalForget is journalDrop of a name that leads to another's file.
	journalForget = 4
)

var journalTable = crc32.MakeTable(crc32.Castagnoli)

// add appends a line; sync makes it last.
func (j *pullJournal) add(what byte, r *pullRecord) error {
	if j.file == nil {
		f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("note what was pulled: %w", err)
		}
		j.file, j.out = f, bufio.NewWriterSize(f, 64<<10)
	}
	body := append([]byte{what}, r.encode()...)
	line := binary.AppendUvarint(nil, uint64(len(body)))
	line = append(line, body...)
	line = binary.LittleEndian.AppendUint32(line, crc32.Checksum(body, journalTable))
	if _, err := j.out.Write(line); err != nil {
		return fmt.Errorf("note what was pulled: %w", err)
	}
	return nil
}

// sync brings what was added to the disk.
func (j *pullJournal) sync() error {
	if j.file == nil {
		return nil
	}
	if err := errors.Join(j.out.Flush(), j.file.Sync()); err != nil {
		return fmt.Errorf("note what was pulled: %w", err)
	}
	return nil
}

func (j *pullJournal) close() error {
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.out.Flush(), j.file.Close())
	j.file = nil
	return err
}

// journalLine is the last thing the journal says of a path.
type journalLine struct {
	path string
	at   int64 // of the body
	n    int
}

// readJournal returns the journal's lines in tree order, and the file they are
// read from; nil if there is none. What a crash cut off was never synced, so
// nothing had come of it.
func readJournal(path string) (f *os.File, lines []journalLine, err error) {
	f, err = os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read what was pulled: %w", err)
	}
	in, at := bufio.NewReaderSize(f, 64<<10), int64(0)
	last := map[string]int{}
	for {
		n, err := binary.ReadUvarint(in)
		if err != nil || n == 0 || n > maxRecord {
			break
		}
		b := make([]byte, n+4)
		if _, err := io.ReadFull(in, b); err != nil {
			break
		}
		body := b[:n]
		if crc32.Checksum(body, journalTable) != binary.LittleEndian.Uint32(b[n:]) {
			break
		}
		at += int64(len(binary.AppendUvarint(nil, n)))
		if r, err := decodeRecord(body[1:]); err == nil {
			line := journalLine{r.entry.Path, at, int(n)}
			if i, ok := last[line.path]; ok {
				lines[i] = line
			} else {
				last[line.path] = len(lines)
				lines = append(lines, line)
			}
		}
		at += int64(n) + 4
	}
	slices.SortFunc(lines, func(a, b journalLine) int { return format.ComparePaths(a.path, b.path) })
	return f, lines, nil
}

// read returns what a line says.
func (l *journalLine) read(f *os.File) (what byte, r pullRecord, err error) {
	body := make([]byte, l.n)
	if _, err := f.ReadAt(body, l.at); err != nil {
		return 0, r, err
	}
	r, err = decodeRecord(body[1:])
	return body[0], r, err
}

// foldJournal makes a new list of the old one and the journal. there tells
// whether a name is as a record says: a file that was noted but had not got its
// name when the pull ended is none of ours, and the journal was not whole.
func foldJournal(list, journal string, there func(*pullRecord) bool) (whole bool, err error) {
	f, lines, err := readJournal(journal)
	if f == nil || err != nil {
		return true, err
	}
	defer f.Close()
	old, err := openPullList(list)
	if err != nil {
		return false, err
	}
	in, err := old.open()
	if err != nil {
		return false, err
	}
	w, err := newPullListWriter(list)
	if err != nil {
		return false, errors.Join(err, in.close())
	}
	defer w.abort()
	whole, err = mergeJournal(in, f, lines, there, w)
	if err = errors.Join(err, in.close()); err != nil {
		return false, err
	}
	if err := w.commit(); err != nil {
		return false, err
	}
	if err := f.Close(); err != nil {
		return false, err
	}
	return whole, os.Remove(journal)
}

func mergeJournal(in *pullListReader, f *os.File, lines []journalLine, there func(*pullRecord) bool, w *pullListWriter) (whole bool, err error) {
	whole = true
	for i := range lines {
		for r := in.peek(); r != nil && format.ComparePaths(r.entry.Path, lines[i].path) < 0; r = in.peek() {
			if err := w.add(in.next()); err != nil {
				return false, err
			}
		}
		var old *pullRecord
		if r := in.peek(); r != nil && r.entry.Path == lines[i].path {
			old = in.next()
		}
		what, r, err := lines[i].read(f)
		if err != nil {
			return false, err
		}
		now := afterLine(what, &r, old, there)
		if now != nil {
			if err := w.add(now); err != nil {
				return false, err
			}
		}
		whole = whole && (what != journalPut || now == &r)
	}
	for r := in.next(); r != nil; r = in.next() {
		if err := w.add(r); err != nil {
			return false, err
		}
	}
	return whole, nil
}

// afterLine is what is remembered of a path after a line of the journal.
func afterLine(what byte, r, old *pullRecord, there func(*pullRecord) bool) *pullRecord {
	switch {
	case what == journalDrop && old != nil && there(old):
		return old // it was not removed after all
	case what == journalDrop || what == journalForget:
		return nil
	case what == journalPut && !there(r):
		return old
	}
	return r
}
