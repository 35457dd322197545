package format

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of every decoder in this package.
var (
	// ErrMalformed: the bytes are not a record of this kind.
	ErrMalformed = errors.New("malformed record")
	// ErrNewer: the record holds something only a newer program understands.
	ErrNewer = errors.New("written by a newer version of chatkeep")
)

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// encoder appends fields. Fields whose value is zero or empty are left out,
// which is how every record stores them.
type encoder struct{ b []byte }

func (e *encoder) bytes(tag uint64, v []byte) {
	if len(v) > 0 {
		e.field(tag, v)
	}
}

func (e *encoder) field(tag uint64, v []byte) {
	e.b = binary.AppendUvarint(e.b, tag)
	e.b = binary.AppendUvarint(e.b, uint64(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) string(tag uint64, v string) { e.bytes(tag, []byte(v)) }

func (e *encoder) uint(tag, v uint64) {
	if v != 0 {
		var buf [binary.MaxVarintLen64]byte
		e.field(tag, buf[:binary.PutUvarint(buf[:], v)])
	}
}

func (e *encoder) int(tag uint64, v int64) {
	if v != 0 {
		var buf [binary.MaxVarintLen64]byte
		e.field(tag, buf[:binary.PutVarint(buf[:], v)])
	}
}

// message appends a nested record, even an empty one.
func (e *encoder) message(tag uint64, fill func(*encoder)) {
	var sub encoder
	fill(&sub)
	e.field(tag, sub.b)
}

func (e *encoder) digests(tag uint64, list []Digest) {
	b := make([]byte, 0, 32*len(list))
	for i := range list {
		b = append(b, list[i][:]...)
	}
	e.bytes(tag, b)
}

// value is the value of one field, with the readers for each type.
type value []byte

func (v value) uint() (uint64, error) {
	n, rest, err := uvarint(v)
	if err != nil || len(rest) > 0 {
		return 0, malformed("number")
	}
	return n, nil
}

func (v value) int() (int64, error) {
	n, err := v.uint()
	return int64(n>>1) ^ -int64(n&1), err
}

func (v value) fixed(dst []byte) error {
	if len(v) != len(dst) {
		return malformed("length of a fixed field")
	}
	copy(dst, v)
	return nil
}

func (v value) digests() ([]Digest, error) {
	if len(v)%32 != 0 {
		return nil, malformed("list of digests")
	}
	list := make([]Digest, len(v)/32)
	for i := range list {
		copy(list[i][:], v[32*i:])
	}
	return list, nil
}

// fields calls fn for each field of a record in order. fn returns unknown(tag)
// for a tag it does not know. Tags must not descend.
func fields(b []byte, fn func(tag uint64, v value) error) error {
	last := uint64(0)
	for len(b) > 0 {
		tag, rest, err := uvarint(b)
		if err != nil {
			return err
		}
		n, rest, err := uvarint(rest)
		if err != nil {
			return err
		}
		if n > uint64(len(rest)) {
			return malformed("field longer than the record")
		}
		if tag < last || tag == 0 {
			return malformed("tags out of order")
		}
		if err := fn(tag, value(rest[:n])); err != nil {
			return err
		}
		last, b = tag, rest[n:]
	}
	return nil
}

// unknown is what a decoder says of a tag it does not know.
func unknown(tag uint64) error {
	if tag%2 == 0 {
		return fmt.Errorf("%w (field %d)", ErrNewer, tag)
	}
	return nil
}

// uvarint reads one minimally encoded number.
func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, nil, malformed("number")
	}
	return v, b[n:], nil
}

// set adapts the typed readers to a decoder's switch.
func set[T any](dst *T, read func() (T, error)) error {
	v, err := read()
	if err == nil {
		*dst = v
	}
	return err
}

func setUint(dst *uint64, v value) error { return set(dst, v.uint) }

func setString(dst *string, v value) error {
	*dst = string(v)
	return nil
}
