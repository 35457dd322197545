package format

import "errors"

// ReaderVersion is the version of the format this package reads and writes. A
// roster or repository.json that asks for a higher one is refused.
const ReaderVersion = 1

// Role says what a device may do.
type Role uint64

// The roles.
const (
	Full       Role = 1 // writes, reads, admits and revokes devices
	BackupOnly Role = 2 // writes its own backups, reads no content
	ReadOnly   Role = 3 // restores and pulls
)

// String returns the role's name in commands and --json.
func (r Role) String() string {
	switch r {
	case Full:
		return "full"
	case BackupOnly:
		return "backup-only"
	case ReadOnly:
		return "read-only"
	}
	return "unknown"
}

// Head is the newest snapshot somebody has seen of a device.
type Head struct {
	Device DeviceID
	Seq    uint64
	Digest Digest
}

// Device is one member of the roster.
type Device struct {
	ID        DeviceID
	Name      string // chosen by its user
	Role      Role
	Recipient string // age recipient
	Verify    [32]byte
	Revoked   bool
	Joined    int64  // ns since 1970
	Since     uint64 // epoch in which it joined
	Last      *Head  // revoked: the newest snapshot that still counts
	Client    string
}

// Epoch holds the recipients that objects of one epoch are sealed to.
type Epoch struct {
	Number uint64
	Data   string // recipient of packs, trees and secrets
	Meta   string // recipient of rosters, snapshots and records
}

// Policy is a rule every device honours.
type Policy struct{ Name, Value string }

// Roster says who belongs to the repository.
type Roster struct {
	Repo      RepoID
	Version   uint64   // one more than its parents'
	Epoch     uint64   // the one to seal to
	Parents   []Digest // none for the first; two when it merges a fork
	Devices   []Device
	Epochs    []Epoch // all, ascending
	Recovery  string  // recipient of the recovery key
	Root      [32]byte
	MinReader uint64
	Time      int64
	Policies  []Policy
}

// Encode returns the record's body.
func (r *Roster) Encode() []byte {
	var e encoder
	e.bytes(2, r.Repo[:])
	e.uint(4, r.Version)
	e.uint(6, r.Epoch)
	e.digests(8, r.Parents)
	for i := range r.Devices {
		e.message(10, r.Devices[i].encode)
	}
	for _, p := range r.Epochs {
		e.message(12, func(e *encoder) { e.uint(2, p.Number); e.string(4, p.Data); e.string(6, p.Meta) })
	}
	e.string(14, r.Recovery)
	e.bytes(16, r.Root[:])
	e.uint(18, r.MinReader)
	e.int(19, r.Time)
	for _, p := range r.Policies {
		e.message(20, func(e *encoder) { e.string(2, p.Name); e.string(4, p.Value) })
	}
	return e.b
}

func (d *Device) encode(e *encoder) {
	e.bytes(2, d.ID[:])
	e.string(3, d.Name)
	e.uint(4, uint64(d.Role))
	e.string(6, d.Recipient)
	e.bytes(8, d.Verify[:])
	if d.Revoked {
		e.uint(10, 1)
	}
	e.int(11, d.Joined)
	e.uint(12, d.Since)
	e.string(13, d.Client)
	if d.Last != nil {
		e.message(14, d.Last.encode)
	}
}

func (h *Head) encode(e *encoder) {
	e.bytes(2, h.Device[:])
	e.uint(4, h.Seq)
	e.bytes(6, h.Digest[:])
}

func decodeHead(b []byte) (h Head, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(h.Device[:])
		case 4:
			return setUint(&h.Seq, v)
		case 6:
			return v.fixed(h.Digest[:])
		}
		return unknown(tag)
	})
	return h, err
}

// DecodeRoster reads a roster's body. A roster that asks for a newer reader
// gives ErrNewer.
func DecodeRoster(b []byte) (*Roster, error) {
	r := &Roster{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(r.Repo[:])
		case 4:
			return setUint(&r.Version, v)
		case 6:
			return setUint(&r.Epoch, v)
		case 8:
			return errors.Join(within(len(v)/32, maxMembers, "parents"), set(&r.Parents, v.digests))
		case 10:
			if err := within(len(r.Devices)+1, maxMembers, "devices"); err != nil {
				return err
			}
			d, err := decodeDevice(v)
			r.Devices = append(r.Devices, d)
			return err
		case 12:
			if err := within(len(r.Epochs)+1, maxMembers, "epochs"); err != nil {
				return err
			}
			p, err := decodeEpoch(v)
			r.Epochs = append(r.Epochs, p)
			return err
		case 14:
			return setString(&r.Recovery, v)
		case 16:
			return v.fixed(r.Root[:])
		case 18:
			return setUint(&r.MinReader, v)
		case 19:
			return set(&r.Time, v.int)
		case 20:
			if err := within(len(r.Policies)+1, maxMembers, "policies"); err != nil {
				return err
			}
			p, err := decodePolicy(v)
			r.Policies = append(r.Policies, p)
			return err
		}
		return unknown(tag)
	})
	if err == nil && r.MinReader > ReaderVersion {
		err = ErrNewer
	}
	return r, err
}

func decodeDevice(b []byte) (d Device, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(d.ID[:])
		case 3:
			return setString(&d.Name, v)
		case 4:
			n, err := v.uint()
			d.Role = Role(n)
			return err
		case 6:
			return setString(&d.Recipient, v)
		case 8:
			return v.fixed(d.Verify[:])
		case 10:
			n, err := v.uint()
			d.Revoked = n != 0
			return err
		case 11:
			return set(&d.Joined, v.int)
		case 12:
			return setUint(&d.Since, v)
		case 13:
			return setString(&d.Client, v)
		case 14:
			h, err := decodeHead(v)
			d.Last = &h
			return err
		}
		return unknown(tag)
	})
	return d, err
}

func decodeEpoch(b []byte) (p Epoch, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setUint(&p.Number, v)
		case 4:
			return setString(&p.Data, v)
		case 6:
			return setString(&p.Meta, v)
		}
		return unknown(tag)
	})
	return p, err
}

func decodePolicy(b []byte) (p Policy, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setString(&p.Name, v)
		case 4:
			return setString(&p.Value, v)
		}
		return unknown(tag)
	})
	return p, err
}

// Device returns the member with the given id, or nil.
func (r *Roster) Device(id DeviceID) *Device {
	for i := range r.Devices {
		if r.Devices[i].ID == id {
			return &r.Devices[i]
		}
	}
	return nil
}

// Current returns the recipients of the epoch to seal to, or nil if the
// roster does not list them.
func (r *Roster) Current() *Epoch {
	for i := range r.Epochs {
		if r.Epochs[i].Number == r.Epoch {
			return &r.Epochs[i]
		}
	}
	return nil
}
