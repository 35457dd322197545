package madeup

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// A recording is what a real SQLite did: a database of made-up messages, and
// the pages of each transaction that came after. `go test ./internal/madeup
// -run TestRecord -record` makes it anew, see record_test.go.
//
// It is a zstd stream of numbers of 4 bytes, big-endian, and pages: how many
// pages the database has, those pages; how many transactions there are; of
// each, the database's size in pages and how many pages it wrote; of each of
// those its number and its bytes.
//
//go:embed recording.zst
var recordingFile []byte

const (
	// recordingID is the application id in the database's header.
	recordingID   = 0x6d61646b // "madk"
	recordingIDAt = 68
	// recordingWindow holds all versions of a page that is written often, so
	// that a page costs little more than what changed in it.
	recordingWindow = 8 << 20
	// beatBase is what a row of the recording, which counts transactions,
	// begins at. It is a number that always takes 8 bytes, and nothing else in
	// the database is near it.
	beatBase = 0x6d61646500000000
)

// recording is a recording at one transaction. When all of them were played
// it goes on without end: each transaction more only counts itself.
type recording struct {
	in     *zstd.Decoder
	db     []byte // as of now
	played int
	length int // transactions
	beat   int // where in db they are counted
}

func openRecording() (*recording, error) {
	in, err := zstd.NewReader(bytes.NewReader(recordingFile), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	r := &recording{in: in}
	return r, r.begin()
}

func (r *recording) begin() error {
	pages, err := r.number()
	if err != nil {
		return err
	}
	r.db = make([]byte, int(pages)*pageSize)
	if _, err := io.ReadFull(r.in, r.db); err != nil {
		return err
	}
	n, err := r.number()
	r.length = int(n)
	r.beat = bytes.Index(r.db, binary.BigEndian.AppendUint64(nil, beatBase))
	if r.beat < 0 {
		err = errors.Join(err, errors.New("nothing counts its transactions"))
	}
	return err
}

func (r *recording) number() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(r.in, b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

// close lets go of the decoder's memory.
func (r *recording) close() { r.in.Close() }

func (r *recording) next() (pages []page, size uint32, err error) {
	if r.played == r.length {
		r.close()
	}
	if r.played++; r.played > r.length {
		binary.BigEndian.PutUint64(r.db[r.beat:], beatBase+uint64(r.played))
		n := r.beat / pageSize
		return []page{{uint32(n + 1), r.db[n*pageSize:][:pageSize]}}, uint32(len(r.db) / pageSize), nil
	}
	if pages, size, err = r.read(); err != nil {
		return nil, 0, fmt.Errorf("read transaction %d of the recording: %w", r.played, err)
	}
	return pages, size, nil
}

func (r *recording) read() (pages []page, size uint32, err error) {
	size, err = r.number()
	count, err2 := r.number()
	if err := errors.Join(err, err2); err != nil {
		return nil, 0, err
	}
	if more := int(size)*pageSize - len(r.db); more > 0 {
		r.db = append(r.db, make([]byte, more)...)
	}
	for range count {
		n, err := r.number()
		if err != nil {
			return nil, 0, err
		}
		p := page{n, r.db[int(n-1)*pageSize:][:pageSize]}
		if _, err := io.ReadFull(r.in, p.data); err != nil {
			return nil, 0, err
		}
		pages = append(pages, p)
	}
	return pages, size, nil
}

// recorded returns the recording after n transactions.
func recorded(n int) (*recording, error) {
	r, err := openRecording()
	for err == nil && r.played < n {
		_, _, err = r.next()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// writeRecorded writes the database as of n transactions.
func writeRecorded(path string, n int) error {
	r, err := recorded(n)
	if err != nil {
		return err
	}
	r.close()
	return os.WriteFile(path, r.db, 0o644)
}

func isRecorded(first []byte) bool {
	return isPlain(first) && binary.BigEndian.Uint32(first[recordingIDAt:]) == recordingID
}

// continueRecording returns the recording at the transaction that m is at.
func continueRecording(m *merged) (*recording, error) {
	have, err := m.bytes()
	if err != nil {
		return nil, err
	}
	r, err := openRecording()
	if err != nil {
		return nil, err
	}
	if len(have) < len(r.db) {
		return nil, errors.New("it is shorter than its recording")
	}
	for n := binary.BigEndian.Uint64(have[r.beat:]) - beatBase; uint64(r.played) < n; {
		if n > 1<<31 {
			return nil, errors.New("it does not say how many transactions it has")
		}
		if _, _, err := r.next(); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(have, r.db) {
		return nil, fmt.Errorf("it is not its recording after %d transactions", r.played)
	}
	return r, nil
}
