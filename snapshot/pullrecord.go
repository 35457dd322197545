package snapshot

import (
	"os"

	"github.com/chatkeep/chatkeep/repo/format"
)

// pullRecord is what pull remembers of one name that it made: the entry as it
// was pulled, without the places of its chunks.
type pullRecord struct {
	entry   format.Entry
	modTime int64 // of the file, as the file system keeps it
	gone    bool  // the source has it no more
	older   bool  // the last proven content of a database that has a newer one
	torn    bool  // a content that was never proven
}

const (
	recordGone = 1 << iota
	recordOlder
	recordTorn
)

// newRecord is what is remembered of an entry whose content was chosen.
func newRecord(e *format.Entry, modTime int64) pullRecord {
	r := pullRecord{entry: *e, modTime: modTime}
	r.entry.Content, r.entry.Unproven = bareContent(e.Content), nil
	return r
}

// bareContent leaves out where chunks lie: that is the next tree's to say.
func bareContent(c *format.Content) *format.Content {
	if c == nil {
		return nil
	}
	d := *c
	bare := func(refs []format.Ref) []format.Ref {
		out := make([]format.Ref, len(refs))
		for i := range refs {
			out[i] = format.Ref{ID: refs[i].ID, Length: refs[i].Length}
		}
		return out
	}
	d.Refs, d.Layers, d.Kept = bare(c.Refs), bare(c.Layers), bare(c.Kept)
	return &d
}

// encode writes the record as a node of one entry. The fields that only a
// device's own listing has carry what pull knows besides.
func (r *pullRecord) encode() []byte {
	e := r.entry
	e.ChangeNS, e.Inode, e.DiskID, e.Sum = r.modTime, 0, 0, format.Digest{}
	for bit, set := range map[uint64]bool{recordGone: r.gone, recordOlder: r.older, recordTorn: r.torn} {
		if set {
			e.DiskID |= bit
		}
	}
	return (&format.Node{Entries: []format.Entry{e}}).EncodeLocal()
}

func decodeRecord(b []byte) (r pullRecord, err error) {
	n, err := format.DecodeNode(b, format.Digest{})
	if err != nil {
		return r, err
	}
	if len(n.Entries) != 1 {
		return r, format.ErrMalformed
	}
	e := n.Entries[0]
	r = pullRecord{entry: e, modTime: e.ChangeNS, gone: e.DiskID&recordGone != 0, older: e.DiskID&recordOlder != 0, torn: e.DiskID&recordTorn != 0}
	r.entry.ChangeNS, r.entry.DiskID = 0, 0
	return r, nil
}

// left reports whether what stands under the record's name is as pull left it.
// info is of the name itself, and target tells where a symlink leads.
func (r *pullRecord) left(info os.FileInfo, target func() (string, error)) bool {
	switch r.entry.Type {
	case format.TypeDir:
		return info.IsDir()
	case format.TypeSymlink:
		if info.Mode()&os.ModeSymlink == 0 {
			return false
		}
		to, err := target()
		return err == nil && to == r.entry.Target
	}
	return info.Mode().IsRegular() && uint64(info.Size()) == r.entry.Content.Length && sameTime(r.modTime, info.ModTime().UnixNano())
}

// sameTime reports whether a file system may show one time as another: some
// keep times exactly only until they are unmounted.
func sameTime(set, now int64) bool {
	for _, grain := range []int64{1, 100, 1e3, 1e6, 1e7, 1e9, 2e9} {
		if set-mod(set, grain) == now {
			return true
		}
	}
	return false
}

// mod is never negative.
func mod(n, by int64) int64 { return ((n % by) + by) % by }
