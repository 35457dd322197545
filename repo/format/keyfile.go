package format

// KeyFile is what one holder may know: the secrets of every epoch it is a
// reader or member of. It is sealed to the holder alone.
type KeyFile struct {
	Repo   RepoID
	Holder string // a device id in hex, or RecoveryHolder
	Epochs []EpochKeys
	Root   [32]byte // public root key
	Roster Digest   // the roster by which it was issued
	Time   int64
}

// EpochKeys are the secrets of one epoch.
type EpochKeys struct {
	Number uint64
	MAC    [32]byte
	Meta   string // identity
	Data   string // identity; empty for a backup-only device
}

// Encode returns the record's body.
func (k *KeyFile) Encode() []byte {
	var e encoder
	e.bytes(2, k.Repo[:])
	e.string(4, k.Holder)
	for i := range k.Epochs {
		p := &k.Epochs[i]
		e.message(6, func(e *encoder) {
			e.uint(2, p.Number)
			e.bytes(4, p.MAC[:])
			e.string(6, p.Meta)
			e.string(8, p.Data)
		})
	}
	e.bytes(8, k.Root[:])
	e.bytes(10, k.Roster[:])
	e.int(11, k.Time)
	return e.b
}

// DecodeKeyFile reads a key file's body.
func DecodeKeyFile(b []byte) (*KeyFile, error) {
	k := &KeyFile{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(k.Repo[:])
		case 4:
			return setString(&k.Holder, v)
		case 6:
			if err := within(len(k.Epochs)+1, maxMembers, "epochs"); err != nil {
				return err
			}
			p, err := decodeEpochKeys(v)
			k.Epochs = append(k.Epochs, p)
			return err
		case 8:
			return v.fixed(k.Root[:])
		case 10:
			return v.fixed(k.Roster[:])
		case 11:
			return set(&k.Time, v.int)
		}
		return unknown(tag)
	})
	return k, err
}

func decodeEpochKeys(b []byte) (p EpochKeys, err error) {
	err = fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setUint(&p.Number, v)
		case 4:
			return v.fixed(p.MAC[:])
		case 6:
			return setString(&p.Meta, v)
		case 8:
			return setString(&p.Data, v)
		}
		return unknown(tag)
	})
	return p, err
}

// Secret publishes a device's chunk secret to the readers.
type Secret struct {
	Repo   RepoID
	Device DeviceID
	Secret [32]byte
}

// Encode returns the record's body.
func (s *Secret) Encode() []byte {
	var e encoder
	e.bytes(2, s.Repo[:])
	e.bytes(4, s.Device[:])
	e.bytes(6, s.Secret[:])
	return e.b
}

// DecodeSecret reads a secret's body.
func DecodeSecret(b []byte) (*Secret, error) {
	s := &Secret{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(s.Repo[:])
		case 4:
			return v.fixed(s.Device[:])
		case 6:
			return v.fixed(s.Secret[:])
		}
		return unknown(tag)
	})
	return s, err
}
