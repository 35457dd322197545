package format

import "errors"

// Snapshot is one point in time of one device: a signed commit, chained to
// the one before. It holds counts and digests only, no name.
type Snapshot struct {
	Repo     RepoID
	Roster   Digest // the newest roster the device knew
	Device   DeviceID
	Seq      uint64 // 1, 2, 3, …
	Previous Digest // name of snapshot Seq-1; zero for the first
	Time     int64  // ns since 1970; everything written before is in it
	Root     Ref    // the Root chunk, with its location
	Index    []Digest
	Heads    []Head   // newest snapshots of other devices, seen and verified
	Records  []Digest // records this device has accepted
	Partial  bool     // some files still stand as in the previous snapshot
	Counts   Counts
	ShrunkAt uint64 // newest snapshot in which something lost more than half of its bytes, until that is confirmed; else 0
	Finished int64
	Client   string
}

// Counts are the figures of one snapshot.
type Counts struct {
	Files, Dirs, Bytes    uint64 // what the snapshot holds
	New, Changed, Removed uint64 // files, against the previous one
	Read, NewBytes        uint64 // bytes read; bytes of chunks that were new
	Uploaded, Objects     uint64 // sealed bytes and objects put before the snapshot
	Flagged, Skipped      uint64 // files
}

const flagPartial = 1

// Encode returns the record's body.
func (s *Snapshot) Encode() []byte {
	var e encoder
	e.bytes(2, s.Repo[:])
	e.bytes(4, s.Roster[:])
	e.bytes(6, s.Device[:])
	e.uint(8, s.Seq)
	if !s.Previous.IsZero() {
		e.bytes(10, s.Previous[:])
	}
	e.int(12, s.Time)
	e.message(14, s.Root.encodeWhole)
	e.digests(16, s.Index)
	for i := range s.Heads {
		e.message(17, s.Heads[i].encode)
	}
	e.digests(19, s.Records)
	if s.Partial {
		e.uint(20, flagPartial)
	}
	e.message(21, s.Counts.encode)
	e.uint(22, s.ShrunkAt)
	e.int(23, s.Finished)
	e.string(25, s.Client)
	return e.b
}

func (c *Counts) list() []*uint64 {
	return []*uint64{&c.Files, &c.Dirs, &c.Bytes, &c.New, &c.Changed, &c.Removed,
		&c.Read, &c.NewBytes, &c.Uploaded, &c.Objects, &c.Flagged, &c.Skipped}
}

// encode writes the counts under odd tags 1, 3, 5, … in the order of list.
func (c *Counts) encode(e *encoder) {
	for i, v := range c.list() {
		e.uint(uint64(2*i+1), *v)
	}
}

func decodeCounts(b []byte) (c Counts, err error) {
	list := c.list()
	err = fields(b, func(tag uint64, v value) error {
		if i := (tag - 1) / 2; tag%2 == 1 && i < uint64(len(list)) {
			return setUint(list[i], v)
		}
		return unknown(tag)
	})
	return c, err
}

// DecodeSnapshot reads a snapshot's body.
func DecodeSnapshot(b []byte) (*Snapshot, error) {
	s := &Snapshot{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(s.Repo[:])
		case 4:
			return v.fixed(s.Roster[:])
		case 6:
			return v.fixed(s.Device[:])
		case 8:
			return setUint(&s.Seq, v)
		case 10:
			return v.fixed(s.Previous[:])
		case 12:
			return set(&s.Time, v.int)
		case 14:
			return set(&s.Root, func() (Ref, error) { return decodeWhole(v) })
		case 16:
			return errors.Join(within(len(v)/32, maxIndexes, "indexes"), set(&s.Index, v.digests))
		case 17:
			if err := within(len(s.Heads)+1, maxHeads, "heads"); err != nil {
				return err
			}
			h, err := decodeHead(v)
			s.Heads = append(s.Heads, h)
			return err
		case 19:
			return errors.Join(within(len(v)/32, maxAccepted, "records"), set(&s.Records, v.digests))
		case 20:
			flags, err := v.uint()
			s.Partial = flags&flagPartial != 0
			if err == nil && flags&^flagPartial != 0 {
				err = ErrNewer
			}
			return err
		case 21:
			return set(&s.Counts, func() (Counts, error) { return decodeCounts(v) })
		case 22:
			return setUint(&s.ShrunkAt, v)
		case 23:
			return set(&s.Finished, v.int)
		case 25:
			return setString(&s.Client, v)
		}
		return unknown(tag)
	})
	return s, err
}
