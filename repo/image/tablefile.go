package image

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// The file of a block table: tableHead, a groupEntry for each group, 32 bytes
// per block (its hash), 1 per block (the group that set it), 4 per block if
// any was moved, and the SHA-256 of it all. Numbers are little-endian. It is
// local: a file of another version counts as none.
var tableMagic = [8]byte{'c', 'k', 'b', 'l', 'o', 'c', 'k', '1'}

type tableHead struct {
	Magic  [8]byte
	Of     Fingerprint
	Length uint64
	Base   uint64
	Groups uint32
	Moved  uint32 // 1 if there are moved blocks
}

type groupEntry struct{ Length, Bytes, Layers uint64 }

var errTable = errors.New("not a block table, or a damaged one")

// Save writes the table to a file, which a crash leaves whole or as it was.
func (t *Table) Save(path string) error {
	f, err := durable.Create(path, 0o600)
	if err != nil {
		return err
	}
	defer f.Abort()
	out := bufio.NewWriterSize(f, 256<<10)
	if err := t.write(out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Commit()
}

func (t *Table) write(out io.Writer) error {
	sum := sha256.New()
	w := io.MultiWriter(out, sum)
	head := tableHead{Magic: tableMagic, Of: t.of, Length: t.length, Base: t.base, Groups: uint32(len(t.groups))}
	if t.moved != nil {
		head.Moved = 1
	}
	parts := []any{&head}
	for _, g := range t.groups {
		parts = append(parts, &groupEntry{g.length, g.bytes, g.layers})
	}
	for _, p := range parts {
		if err := binary.Write(w, binary.LittleEndian, p); err != nil {
			return err
		}
	}
	for i := range t.hashes {
		if _, err := w.Write(t.hashes[i][:]); err != nil {
			return err
		}
	}
	if _, err := w.Write(t.set); err != nil {
		return err
	}
	var b [4]byte
	for _, m := range t.moved {
		binary.LittleEndian.PutUint32(b[:], m)
		if _, err := w.Write(b[:]); err != nil {
			return err
		}
	}
	_, err := out.Write(sum.Sum(nil))
	return err
}

// Load reads a table. Whatever is wrong with the file gives an error; then
// there is no table.
func Load(path string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read block table: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read block table: %w", err)
	}
	t, err := readTable(bufio.NewReaderSize(f, 256<<10), uint64(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("read block table %s: %w", path, err)
	}
	return t, nil
}

// readTable reads a table of size bytes. It asks for no more memory than that.
func readTable(in io.Reader, size uint64) (*Table, error) {
	sum := sha256.New()
	r := io.TeeReader(in, sum)
	var head tableHead
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	t := &Table{length: head.Length, base: head.Base, of: head.Of}
	if head.Magic != tableMagic || head.Length > maxLength || head.Base > maxLength || head.Groups > maxGroups || head.Moved > 1 || size != head.size() {
		return nil, errTable
	}
	for range head.Groups {
		var g groupEntry
		if err := binary.Read(r, binary.LittleEndian, &g); err != nil {
			return nil, err
		}
		t.groups = append(t.groups, group{g.Length, g.Bytes, g.Layers})
	}
	if err := t.readBlocks(r, head.Moved == 1); err != nil {
		return nil, err
	}
	want := sum.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil {
		return nil, err
	}
	if !bytes.Equal(got, want) || !t.sound() {
		return nil, errTable
	}
	return t, nil
}

// size returns how long a file with this head is.
func (h *tableHead) size() uint64 {
	perBlock := uint64(sha256.Size + 1 + 4*h.Moved)
	return uint64(binary.Size(h)) + uint64(h.Groups)*uint64(binary.Size(groupEntry{})) + uint64(blocksOf(h.Length))*perBlock + sha256.Size
}

func (t *Table) readBlocks(r io.Reader, moved bool) error {
	n := blocksOf(t.length)
	t.hashes, t.set = make([]Hash, n), make([]uint8, n)
	for i := range t.hashes {
		if _, err := io.ReadFull(r, t.hashes[i][:]); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(r, t.set); err != nil || !moved {
		return err
	}
	t.moved = make([]uint32, n)
	var b [4]byte
	for i := range t.moved {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		t.moved[i] = binary.LittleEndian.Uint32(b[:])
	}
	return nil
}

// sound reports whether the parts of a table fit each other.
func (t *Table) sound() bool {
	if t.lengthBefore(len(t.groups)+1) != t.length {
		return false
	}
	base := blocksOf(t.base)
	for i, g := range t.set {
		if int(g) > len(t.groups) || g == 0 && i >= base {
			return false
		}
		if t.moved != nil && t.moved[i] > 0 && (g == 0 || t.moved[i] > uint32(base)) {
			return false
		}
	}
	return true
}
