package format

// Signatures is the payload of a record's signature frame. Both the signature
// and the tag must hold over the record's body, in the context of its kind.
type Signatures struct {
	Signer  DeviceID // zero: the root
	Ed25519 []byte
	Epoch   uint64 // whose MAC key made the tag
	HMAC    []byte
	NewRoot []byte // Ed25519 by the root a roster changes to, beside the old one's
}

// Contexts in which records are signed.
const (
	ContextRoster   = "chatkeep roster v1"
	ContextKeyFile  = "chatkeep keys v1"
	ContextSecret   = "chatkeep secret v1"
	ContextIndex    = "chatkeep index v1"
	ContextSnapshot = "chatkeep snapshot v1"
	ContextRecord   = "chatkeep record v1"
)

// Algorithms of a signature list. More may follow; a roster can then demand
// them.
const (
	algEd25519 = 1
	algHMAC    = 2
	algNewRoot = 3
)

// Encode returns the payload of the signature frame.
func (s *Signatures) Encode() []byte {
	var e encoder
	if !s.Signer.IsZero() {
		e.bytes(2, s.Signer[:])
	}
	e.message(3, func(e *encoder) { e.uint(2, algEd25519); e.bytes(4, s.Ed25519) })
	e.message(3, func(e *encoder) { e.uint(2, algHMAC); e.bytes(4, s.HMAC); e.uint(6, s.Epoch) })
	if len(s.NewRoot) > 0 {
		e.message(3, func(e *encoder) { e.uint(2, algNewRoot); e.bytes(4, s.NewRoot) })
	}
	return e.b
}

// DecodeSignatures reads the payload of a signature frame. Algorithms it does
// not know are skipped.
func DecodeSignatures(b []byte) (*Signatures, error) {
	s := &Signatures{}
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return v.fixed(s.Signer[:])
		case 3:
			return s.decodeOne(v)
		}
		return unknown(tag)
	})
	return s, err
}

func (s *Signatures) decodeOne(b []byte) error {
	var alg, epoch uint64
	var sig []byte
	err := fields(b, func(tag uint64, v value) error {
		switch tag {
		case 2:
			return setUint(&alg, v)
		case 4:
			sig = append([]byte(nil), v...)
			return nil
		case 6:
			return setUint(&epoch, v)
		}
		return unknown(tag)
	})
	switch alg {
	case algEd25519:
		s.Ed25519 = sig
	case algHMAC:
		s.HMAC, s.Epoch = sig, epoch
	case algNewRoot:
		s.NewRoot = sig
	}
	return err
}
