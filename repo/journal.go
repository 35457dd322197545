package repo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/chatkeep/chatkeep/repo/format"
)

// journal remembers the packs that were sealed since the last publication,
// and which of them have arrived. It is appended and synced, so that a process
// that dies at any instruction never sends again what has arrived. A torn
// last line is dropped.
//
// A line is: length (4 bytes, little-endian), CRC-32C of the rest (4), type
// (1), payload.
type journal struct {
	mu    sync.Mutex
	file  *os.File
	packs []*journaled // in order
}

type journaled struct {
	format.Pack
	arrived  bool
	verified bool // by the remote's own checksum
}

const (
	lineSealed  = 1 // payload: format.Pack
	lineArrived = 2 // payload: the pack's name, then its receipt; an older version wrote none

	maxLine = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openJournal reads the journal at path and opens it for appending.
func openJournal(path string) (*journal, error) {
	j := &journal{}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	good := j.replay(b)
	if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("open journal: %w", localError(err))
	}
	if err := j.file.Truncate(int64(good)); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), j.file.Close())
	}
	if _, err := j.file.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, j.file.Close())
	}
	return j, nil
}

// replay reads whole lines and returns how many bytes they take.
func (j *journal) replay(b []byte) (good int) {
	for {
		rest := b[good:]
		if len(rest) < 9 {
			return good
		}
		n := binary.LittleEndian.Uint32(rest)
		if n < 1 || n > maxLine || uint64(len(rest)) < 8+uint64(n) {
			return good
		}
		line := rest[8 : 8+n]
		if crc32.Checksum(line, castagnoli) != binary.LittleEndian.Uint32(rest[4:]) || !j.apply(line[0], line[1:]) {
			return good
		}
		good += 8 + int(n)
	}
}

func (j *journal) apply(kind byte, payload []byte) bool {
	switch kind {
	case lineSealed:
		p, err := format.DecodePack(payload)
		if err != nil {
			return false
		}
		j.packs = append(j.packs, &journaled{Pack: *p})
		return true
	case lineArrived:
		for _, p := range j.packs {
			if bytes.HasPrefix(payload, p.Name[:]) {
				p.arrived = true
				p.take(payload[len(p.Name):])
				return true
			}
		}
	}
	return false
}

// sealed notes a pack that lies whole in the spool.
func (j *journal) sealed(p format.Pack) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.append(lineSealed, p.Encode()); err != nil {
		return err
	}
	j.packs = append(j.packs, &journaled{Pack: p})
	return nil
}

// arrived notes a pack that the remote has.
func (j *journal) arrived(name format.Digest, r receipt) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	payload := append(name[:], r.encode()...)
	if err := j.append(lineArrived, payload); err != nil {
		return err
	}
	j.apply(lineArrived, payload)
	return nil
}

// drop forgets a pack that neither the spool nor the remote has. Only the
// memory changes: replay finds the same again.
func (j *journal) drop(name format.Digest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, p := range j.packs {
		if p.Name == name {
			j.packs = append(j.packs[:i], j.packs[i+1:]...)
			return
		}
	}
}

func (j *journal) append(kind byte, payload []byte) error {
	line := append([]byte{kind}, payload...)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(line)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(line, castagnoli))
	if _, err := j.file.Write(append(b, line...)); err != nil {
		return fmt.Errorf("write journal: %w", localError(err))
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", localError(err))
	}
	return nil
}

// list returns the packs noted since the last reset.
func (j *journal) list() []*journaled {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*journaled(nil), j.packs...)
}

// reset empties the journal after a publication.
func (j *journal) reset() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.packs = nil
	if err := j.file.Truncate(0); err != nil {
		return fmt.Errorf("empty journal: %w", err)
	}
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return j.file.Sync()
}

func (j *journal) close() error { return j.file.Close() }
