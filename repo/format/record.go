package format

// RecordKind says what a record in records/ states.
type RecordKind uint64

// The kinds of records.
const (
	RecordPin           RecordKind = 1
	RecordUnpin         RecordKind = 2
	RecordShrinkAllowed RecordKind = 3 // a person confirmed that an account shrank
	RecordVerified      RecordKind = 4
	RecordPrune         RecordKind = 5 // what is doomed
)

// Record is a signed statement of one device about snapshots or objects.
type Record struct {
	Repo     RepoID
	Device   DeviceID // who states it
	Seq      uint64   // numbered per device: 1, 2, 3, …
	Kind     RecordKind
	Time     int64
	Snapshot *Head // pin, unpin, shrink
	Note     string
	Owner    DeviceID // prune: whose objects
	Live     []Digest // prune: snapshots that stay
	Packs    []Digest // prune: doomed
	Indexes  []Digest // prune: doomed
}

// Encode returns the record's body.
func (r *Record) Encode() []byte {
	var e encoder
	e.bytes(2, r.Repo[:])
	e.bytes(4, r.Device[:])
	e.uint(6, r.Seq)
	e.uint(8, uint64(r.Kind))
	e.int(9, r.Time)
	if r.Snapshot != nil {
		e.message(10, r.Snapshot.encode)
	}
	e.string(11, r.Note)
	if !r.Owner.IsZero() {
		e.bytes(12, r.Owner[:])
	}
	e.digests(14, r.Live)
	e.digests(16, r.Packs)
	e.digests(18, r.Indexes)
	return e.b
}

// DecodeRecord reads a record's body.
func DecodeRecord(b []byte) (*Record, error) {
	r := &Record{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(r.Repo[:])
		case 4:
			return v.fixed(r.Device[:])
		case 6:
			return setUint(&r.Seq, v)
		case 8:
			n, err := v.uint()
			r.Kind = RecordKind(n)
			return err
		case 9:
			return set(&r.Time, v.int)
		case 10:
			h, err := decodeHead(v)
			r.Snapshot = &h
			return err
		case 11:
			return setString(&r.Note, v)
		case 12:
			return v.fixed(r.Owner[:])
		case 14:
			return set(&r.Live, v.digests)
		case 16:
			return set(&r.Packs, v.digests)
		case 18:
			return set(&r.Indexes, v.digests)
		}
		return unknown(tag)
	})
	return r, err
}
