package livedb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"testing"
)

// What the WAL holds lies over the copy, whatever the sizes.
func TestMerge(t *testing.T) {
	for _, size := range []int{512, 1024, 2048, 4096, 8192, 65536} {
		for _, prefix := range []int{0, 1024, 4096} {
			for _, big := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d/%d/%v", size, prefix, big), func(t *testing.T) { merge(t, size, prefix, big) })
			}
		}
	}
}

func merge(t *testing.T, size, prefix int, big bool) {
	f := newFolder(t)
	head := bytes.Repeat([]byte{'h'}, prefix)
	f.put("", append(bytes.Clone(head), pages(size, 1, 2, 3, 4, 5)...))
	w := newWAL(size, big, 7).
		frame(2, 0, 'b').frame(5, 5, 'e').
		frame(2, 0, 'B').frame(8, 0, 'x').frame(7, 7, 'g'). // page 8 lies behind the end, page 6 was never written
		frame(1, 0, 'z')                                    // of a transaction without end
	old := newWAL(size, big, 6).frame(1, 9, 'o')
	w.Write(old.Bytes()[walHeaderSize:])
	f.put(walSuffix, w.Bytes())
	m := &memory{}
	r := f.capture(m, Options{Prefix: int64(prefix), PageSize: 16384})
	want := append(head, pages(size, 1, 'B', 3, 4, 'e', 0, 'g')...)
	if !r.Proven || r.PageSize != size || r.Class != WALClosed || r.Size != int64(len(want)) {
		t.Errorf("%+v", r)
	}
	if !bytes.Equal(m.data, want) {
		t.Errorf("%d bytes, want %d, or other bytes", len(m.data), len(want))
	}
	// More of it is read on from there, where pages are whole blocks.
	w = newWAL(size, big, 7)
	w.frame(2, 0, 'b').frame(5, 5, 'e').frame(2, 0, 'B').frame(8, 0, 'x').frame(7, 7, 'g').frame(3, 4, 'c')
	file, err := os.OpenFile(f.path+walSuffix, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(w.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	file.Close()
	again := f.capture(m, Options{Prefix: int64(prefix), Since: r.Mark})
	if want = want[:prefix+4*size]; !again.Proven || !bytes.Equal(m.data[prefix+2*size:], append(pages(size, 'c'), want[prefix+3*size:]...)) {
		t.Errorf("%+v, %d bytes", again, len(m.data))
	}
	if again.Patched && !aligned(int64(prefix), size) {
		t.Error("patched where blocks hold parts of pages")
	}
}

// A file without a valid WAL is copied as it is.
func TestNoFrames(t *testing.T) {
	noCommit := newWAL(4096, false, 1).frame(1, 0, 'x').Bytes()
	for name, wal := range map[string][]byte{
		"none": nil, "empty": {}, "short": noCommit[:31], "no frame": noCommit[:32], "half a frame": noCommit[:2000],
		"no commit": noCommit, "zeros": make([]byte, 5000), "bad checksum": append(append(bytes.Clone(noCommit[:31]), noCommit[31]^1), noCommit[32:]...),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			if wal != nil {
				f.put(walSuffix, wal)
			}
			want := append(pages(4096, 'a', 0, 0), "tail"...) // zero pages at the end, and no whole block
			f.put("", want)
			m := &memory{}
			r := f.capture(m, Options{PageSize: 8192})
			if !r.Proven || !bytes.Equal(m.data, want) || r.Size != int64(len(want)) {
				t.Errorf("%+v, %d bytes", r, len(m.data))
			}
			writes := m.writes
			if again := f.capture(m, Options{Since: r.Mark}); !again.Same || m.writes != writes || again.Size != r.Size {
				t.Errorf("again: %+v", again)
			}
			if full := f.capture(m, Options{Since: r.Mark, Full: true}); full.Same || m.writes == writes || !full.Proven {
				t.Errorf("in full: %+v", full)
			}
		})
	}
}

// The lock-byte page at 1 GiB is in no frame. A sparse file takes no time.
func TestBeyondLockBytePage(t *testing.T) {
	const size = 65536
	const lockPage = 0x40000000/size + 1
	f := newFolder(t)
	f.put("", pages(size, 'a'))
	if err := os.Truncate(f.path, 0x40000000); err != nil {
		t.Fatal(err)
	}
	f.put(walSuffix, newWAL(size, false, 3).frame(lockPage+1, lockPage+1, 'z').Bytes())
	m := &sparse{blocks: map[int64][]byte{}}
	r, err := Capture(t.Context(), f.path, m, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if r.Size != 0x40000000+2*size || m.size != r.Size || !r.Proven {
		t.Errorf("%+v", r)
	}
	if len(m.blocks) != 2*size/BlockSize || m.blocks[0][0] != 'a' || m.blocks[0x40000000/BlockSize+size/BlockSize][9] != 'z' {
		t.Errorf("%d blocks that are not zero", len(m.blocks))
	}
}

// sparse is a Target that keeps only what is not zero.
type sparse struct {
	Target
	blocks map[int64][]byte
	size   int64
}

func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	var zero [BlockSize]byte
	for at := 0; at < len(p); at += BlockSize {
		b := p[at:min(at+BlockSize, len(p))]
		if !bytes.Equal(b, zero[:len(b)]) {
			s.blocks[(off+int64(at))/BlockSize] = bytes.Clone(b)
		}
	}
	return len(p), nil
}

func (s *sparse) Truncate(size int64) error { s.size = size; return nil }

func TestPlainPageSize(t *testing.T) {
	for raw, want := range map[uint16]int{1: 65536, 512: 512, 4096: 4096, 0: 0, 1000: 0, 256: 0} {
		p := append([]byte(plainMagic), 0, 0)
		binary.BigEndian.PutUint16(p[16:], raw)
		if got, plain := plainPageSize(p); got != want || !plain {
			t.Errorf("%d: %d, %v", raw, got, plain)
		}
	}
	if _, plain := plainPageSize(make([]byte, 100)); plain {
		t.Error("zeros are plain")
	}
}

// A scan must end, stay inside the file and agree with itself in steps.
func FuzzWAL(f *testing.F) {
	f.Add(newWAL(512, false, 1).frame(1, 0, 1).frame(2, 2, 2).frame(1, 2, 3).Bytes(), uint32(2))
	f.Add(newWAL(1024, true, 1).frame(9, 9, 1).Bytes(), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, limit uint32) {
		if len(b) < walHeaderSize {
			return
		}
		head := rawHeader(b)
		h, ok := head.parse()
		if !ok {
			return
		}
		path := newFolder(t)
		path.put(walSuffix, b)
		wal, err := os.Open(path.path + walSuffix)
		if err != nil {
			t.Fatal(err)
		}
		defer wal.Close()
		whole := &scan{walHeader: h, wal: wal, files: &files{}, sum: h.sum}
		if err := whole.more(t.Context(), 1<<32-1); err != nil {
			t.Fatal(err)
		}
		steps := &scan{walHeader: h, wal: wal, files: &files{}, sum: h.sum}
		for _, n := range []uint32{limit, 1<<32 - 1} {
			if err := steps.more(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if whole.frames != steps.frames || whole.sum != steps.sum || whole.pages != steps.pages || len(whole.index) != len(steps.index) {
			t.Errorf("%+v in steps is %+v", whole, steps)
		}
		if int64(whole.frames)*h.frameSize() > int64(len(b)) {
			t.Errorf("%d frames in %d bytes", whole.frames, len(b))
		}
		for _, p := range whole.latest() {
			if p.pgno == 0 || p.pgno > whole.pages || p.frame > whole.frames {
				t.Errorf("page %d in frame %d", p.pgno, p.frame)
			}
		}
	})
}

// madeIndex writes a wal-index header.
func madeIndex(frames, pages uint32, salt [8]byte) []byte {
	p := make([]byte, 136)
	order := binary.NativeEndian
	order.PutUint32(p, walVersion)
	p[12] = 1
	order.PutUint32(p[16:], frames)
	order.PutUint32(p[20:], pages)
	copy(p[32:], salt[:])
	s := sum{}.add(p[:40], order.Uint16([]byte{1, 0}) != 1)
	order.PutUint32(p[40:], s[0])
	order.PutUint32(p[44:], s[1])
	copy(p[48:], p[:48])
	return p
}

func FuzzShm(f *testing.F) {
	good := madeIndex(5, 9, [8]byte{1, 2})
	if x, ok := parseIndex(good); !ok || x != (walIndex{5, 9, [8]byte{1, 2}}) {
		f.Fatalf("%+v, %v", x, ok)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		x, ok := parseIndex(p)
		if ok && string(madeIndex(x.frames, x.pages, x.salt)[16:24]) != string(p[16:24]) {
			t.Errorf("%+v", x)
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add(madeJournal(nil))
	f.Add([]byte(journalMagic))
	f.Fuzz(func(t *testing.T, p []byte) {
		if validJournal(p) && (len(p) < journalHeaderSize || string(p[:8]) != journalMagic) {
			t.Errorf("%x", p)
		}
		namesSuper(bytes.NewReader(p), int64(len(p)))
	})
}

// madeJournal is a journal's header with something behind it.
func madeJournal(rest []byte) []byte {
	p := make([]byte, 512)
	copy(p, journalMagic)
	binary.BigEndian.PutUint32(p[20:], 512)
	binary.BigEndian.PutUint32(p[24:], 4096)
	return append(p, rest...)
}

func FuzzMark(f *testing.F) {
	m := &mark{
		db:     stat{fileID{1, 2, 3}, 4, 5, 6},
		prefix: 1024, pageSize: 4096, size: 9000, plain: true, log: true,
		wal: fileID{1, 7, 8}, head: rawHeader{1, 31: 2}, frames: 10, sum: sum{11, 12},
	}
	for _, log := range []bool{true, false} {
		want := *m
		if want.log = log; !log {
			want.wal, want.head, want.frames, want.sum = fileID{}, rawHeader{}, 0, sum{}
		}
		p := want.encode()
		if got, err := decodeMark(p); err != nil || *got != want {
			f.Errorf("%+v, %v, want %+v", got, err, want)
		}
		for i := range p {
			bad := bytes.Clone(p)
			bad[i] ^= 0x10
			if _, err := decodeMark(bad); err == nil {
				f.Errorf("a flipped bit in byte %d goes unseen", i)
			}
			if _, err := decodeMark(p[:i]); err == nil {
				f.Errorf("%d of %d bytes are enough", i, len(p))
			}
		}
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if m, err := decodeMark(p); err == nil && !bytes.Equal(m.encode(), p) {
			t.Errorf("%x became %x", p, m.encode())
		}
	})
}
