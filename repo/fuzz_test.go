package repo

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/repo/format"
)

// line frames a payload as journal and listing do.
func line(payload []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

func onePack() format.Pack {
	return format.Pack{Name: format.Digest{1}, Size: 10, Entries: []format.ContentsEntry{{ID: [32]byte{2}, Kind: format.ChunkData, Stored: 3, Length: 4}}}
}

// A journal of any bytes is read without panic, what is not a whole line is
// cut off, and reading again finds the same.
func FuzzJournal(f *testing.F) {
	p := onePack()
	whole := line(append([]byte{lineSealed}, p.Encode()...))
	whole = append(whole, line(append([]byte{lineArrived}, p.Name[:]...))...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(append([]byte{}, whole...), 0, 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add(line([]byte{lineArrived}))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.close()
		before := len(j.list())
		next := format.Digest{9}
		if err := j.sealed(format.Pack{Name: next, Size: 1}); err != nil {
			t.Fatal(err)
		}
		if err := j.arrived(next, receipt{}); err != nil {
			t.Fatal(err)
		}
		again, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer again.close()
		list := again.list()
		if len(list) != before+1 || list[before].Name != next || !list[before].arrived {
			t.Fatalf("%d packs before, now %d", before, len(list))
		}
	})
}

// A listing of any bytes is read without panic; whatever comes out of it is
// valid and in order.
func FuzzListing(f *testing.F) {
	leaf := format.Node{Entries: []format.Entry{{Path: "a", Type: format.TypeDir}, {Path: "a/b", Content: &format.Content{}}}}
	child := childBytes(&format.Child{Last: "a/b", Count: 2})
	payload := binary.LittleEndian.AppendUint32(nil, uint32(len(child)))
	payload = append(append(payload, child...), leaf.EncodeLocal()...)
	f.Add(payload, true)
	f.Add(payload[:len(payload)-2], true)
	f.Add([]byte{1, 2, 3}, true)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, true)
	f.Add(line(payload), false)
	f.Fuzz(func(t *testing.T, b []byte, framed bool) {
		if framed {
			b = line(b)
		}
		path := filepath.Join(t.TempDir(), "0.list")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l := (&ListedSource{path: path}).Open()
		defer l.Close()
		for e := l.Next(); e != nil; e = l.Next() {
			if !format.ValidPath(e.Path) {
				t.Fatalf("path %q", e.Path)
			}
		}
	})
}

// Whatever meta.json says, there is a parent or none.
func FuzzListingMeta(f *testing.F) {
	f.Add([]byte(`{"snapshot":"` + format.Digest{1}.String() + `","sources":[{"name":"a","file":"0.list","leaves":1,"tree":"AAAA"}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &Repo{state: &State{dir: t.TempDir()}}
		dir := r.listingPath(format.Digest{1})
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "meta.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		w := &Writer{repo: r, head: &Snapshot{Name: format.Name{Digest: format.Digest{1}}}}
		if s := w.Parent("a"); s != nil {
			l := s.Open()
			for l.Next() != nil {
				t.Fatal("an entry out of nowhere")
			}
			l.Close()
		}
	})
}
