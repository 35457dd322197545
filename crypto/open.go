package crypto

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// The payload of an age file (age-encryption.org/v1): a 16-byte nonce, then
// segments of 64 KiB plaintext, each with a 16-byte tag. Every segment but
// the last is full, and only the last carries the final flag.
const (
	segment       = 64 << 10
	sealedSegment = segment + chacha20poly1305.Overhead
	payloadNonce  = 16
)

// HeaderRoom is how many bytes from the start of an object surely hold the
// header and payload nonce of a file with up to two hybrid recipients.
const HeaderRoom = 4096

// Opener decrypts any range of one age file. It holds the file's key, so it
// stays in memory and is never written down. It may be used concurrently.
type Opener struct {
	aead      cipher.AEAD
	body      int64 // where the first segment starts
	plainSize int64
}

// UnknownSize tells NewOpener that nobody knows how large the file is. Which
// segment is the last is then not proven, so whoever reads a range must prove
// its content in another way, as chunk ids do.
const UnknownSize = -1

// NewOpener reads the header from prefix, the first bytes of a file of the
// given total size (at least HeaderRoom of them, or all). It returns ErrNoMatch
// when no identity fits and ErrBroken when prefix is no header or size cannot
// be that of an age file.
func NewOpener(prefix []byte, size int64, ids ...*Identity) (*Opener, error) {
	header, err := age.ExtractHeader(bytes.NewReader(prefix))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	if len(prefix) < len(header)+payloadNonce {
		return nil, fmt.Errorf("%w: no payload", ErrBroken)
	}
	fileKey, err := age.DecryptHeader(header, ageIdentities(ids)...)
	if err != nil {
		return nil, matchError(err)
	}
	nonce := prefix[len(header) : len(header)+payloadNonce]
	key, err := hkdf.Key(sha256.New, fileKey, nonce, "payload", chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	body := int64(len(header) + payloadNonce)
	if size == UnknownSize {
		return &Opener{aead: aead, body: body, plainSize: UnknownSize}, nil
	}
	plain, err := plainSize(size - body)
	if err != nil {
		return nil, err
	}
	return &Opener{aead: aead, body: body, plainSize: plain}, nil
}

// plainSize inverts the segment arithmetic; sizes no writer produces are
// refused.
func plainSize(sealed int64) (int64, error) {
	segments := (sealed + sealedSegment - 1) / sealedSegment
	plain := sealed - segments*chacha20poly1305.Overhead
	if sealed < chacha20poly1305.Overhead || (plain+segment-1)/segment != segments && plain != 0 {
		return 0, fmt.Errorf("%w: impossible length", ErrBroken)
	}
	return plain, nil
}

// SealedSize is the size of a file sealed to one recipient from n bytes.
func SealedSize(n int64) int64 {
	const header = 1627 // one hybrid stanza, fixed by the format
	return header + payloadNonce + n + max(1, (n+segment-1)/segment)*chacha20poly1305.Overhead
}

// PlainSize is the length of the file's plaintext in bytes, or UnknownSize.
func (o *Opener) PlainSize() int64 { return o.plainSize }

// Span returns which bytes of the file are needed to decrypt n bytes of
// plaintext from offset. The range must lie within the plaintext. If the size
// is unknown, the file may end before the span does; what there is suffices.
func (o *Opener) Span(offset, n int64) (from, length int64) {
	first, last := offset/segment, max(offset, offset+n-1)/segment
	from = o.body + first*sealedSegment
	end := o.body + (last+1)*sealedSegment
	if o.plainSize != UnknownSize {
		end = min(end, o.sealedEnd())
	}
	return from, end - from
}

func (o *Opener) sealedEnd() int64 {
	segments := max(1, (o.plainSize+segment-1)/segment)
	return o.body + o.plainSize + segments*chacha20poly1305.Overhead
}

// Open decrypts what Span asked for, in place, and returns exactly the n
// bytes from offset. ErrBroken means that a byte of the span was altered.
func (o *Opener) Open(span []byte, offset, n int64) ([]byte, error) {
	if n < 0 || offset < 0 || o.plainSize != UnknownSize && offset+n > o.plainSize {
		return nil, fmt.Errorf("%w: range beyond the end", ErrBroken)
	}
	index := offset / segment
	plain := span[:0]
	for rest := span; len(rest) > 0; index++ {
		sealed := rest[:min(sealedSegment, len(rest))]
		rest = rest[len(sealed):]
		out, err := o.openSegment(index, sealed, len(rest) == 0)
		if err != nil {
			return nil, fmt.Errorf("%w: segment %d does not authenticate", ErrBroken, index)
		}
		plain = append(plain, out...)
	}
	skip := offset % segment
	if int64(len(plain)) < skip+n {
		return nil, fmt.Errorf("%w: span too short", ErrBroken)
	}
	return plain[skip : skip+n], nil
}

// openSegment opens one segment in place. lastOfSpan matters only while the
// size is unknown: a segment inside a span is not the file's last one, a short
// one is, and the one at the end may be either.
func (o *Opener) openSegment(index int64, sealed []byte, lastOfSpan bool) ([]byte, error) {
	final := len(sealed) < sealedSegment
	if o.plainSize != UnknownSize {
		final = index == max(0, (o.plainSize-1)/segment)
	} else if lastOfSpan && !final {
		out, err := o.aead.Open(nil, segmentNonce(index, false), sealed, nil) // not in place: a failure would wipe it
		if err == nil {
			return append(sealed[:0], out...), nil
		}
		final = true
	}
	return o.aead.Open(sealed[:0], segmentNonce(index, final), sealed, nil)
}

func segmentNonce(index int64, final bool) []byte {
	var nonce [chacha20poly1305.NonceSize]byte
	binary.BigEndian.PutUint64(nonce[3:11], uint64(index))
	if final {
		nonce[11] = 1
	}
	return nonce[:]
}

// OpenAll decrypts a whole file held in memory, in place.
func OpenAll(file []byte, ids ...*Identity) ([]byte, error) {
	o, err := NewOpener(file, int64(len(file)), ids...)
	if err != nil {
		return nil, err
	}
	from, n := o.Span(0, o.plainSize)
	return o.Open(file[from:from+n], 0, o.plainSize)
}

// OpenStream decrypts a file of any size from a reader. Read fails with
// ErrBroken at the first altered or missing byte; no unauthenticated byte is
// ever returned.
func OpenStream(src io.Reader, ids ...*Identity) (io.Reader, error) {
	r, err := age.Decrypt(src, ageIdentities(ids)...)
	if err != nil {
		return nil, matchError(err)
	}
	return brokenReader{r}, nil
}

type brokenReader struct{ r io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return n, err
}
