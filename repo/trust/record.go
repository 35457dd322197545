package trust

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// MaxRecord bounds what a record may unpack to, in bytes.
const MaxRecord = 64 << 20

// maxMember is the same of a roster or key file.
const maxMember = 16 << 20

// Object is a sealed object, ready to be put under the name its digest gives.
type Object struct {
	Name   format.Name
	Sealed []byte
}

// Digest returns the name-giving hash of an object's bytes.
func Digest(sealed []byte) format.Digest { return sha256.Sum256(sealed) }

// Opened is a record whose object was intact and could be decrypted. Nothing
// is proven about who wrote it until its signatures are verified.
type Opened struct {
	Digest     format.Digest
	Body       []byte
	Signatures *format.Signatures
}

// Signer is who signs a record: a device, or the root (zero ID).
type Signer struct {
	ID      format.DeviceID
	Key     *crypto.SigningKey
	NewRoot *crypto.SigningKey // signs too, where a roster changes the root; else nil
}

var (
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxRecord), zstd.WithDecoderConcurrency(1))

	memberDecoder, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxMember), zstd.WithDecoderConcurrency(1))
)

// SealRecord signs body in context, as signer and with the epoch's MAC key,
// and seals it to the recipients.
func SealRecord(context string, body []byte, signer Signer, epoch *EpochKeys, to ...*crypto.Recipient) ([]byte, error) {
	sigs := format.Signatures{
		Signer:  signer.ID,
		Ed25519: signer.Key.Sign(context, body),
		Epoch:   epoch.Number,
		HMAC:    epoch.MAC.Sum(context, body),
	}
	if signer.NewRoot != nil {
		sigs.NewRoot = signer.NewRoot.Sign(context, body)
	}
	plain := encoder.EncodeAll(body, nil)
	n := int64(len(plain))
	plain = format.AppendFrame(plain, format.FrameSignatures, sigs.Encode())
	plain = append(plain, format.Tail(int64(len(plain)), n, format.PaddedRecord)...)
	var sealed bytes.Buffer
	w, err := crypto.Seal(&sealed, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// OpenRecord decrypts and unpacks a record. It returns crypto.ErrNoMatch if
// none of the identities fits, and crypto.ErrBroken or format.ErrMalformed if
// the object is not intact. It leaves sealed as it is.
func OpenRecord(sealed []byte, ids ...*crypto.Identity) (*Opened, error) {
	return open(sealed, decoder, ids)
}

// openMember is OpenRecord for rosters and key files: all of them are held in
// memory, and any member can seal one.
func openMember(sealed []byte, ids ...*crypto.Identity) (*Opened, error) {
	return open(sealed, memberDecoder, ids)
}

func open(sealed []byte, decoder *zstd.Decoder, ids []*crypto.Identity) (*Opened, error) {
	plain, err := crypto.OpenAll(bytes.Clone(sealed), ids...)
	if err != nil {
		return nil, err
	}
	packed, frames, err := format.Split(plain)
	if err != nil {
		return nil, err
	}
	payload, err := format.FindFrame(frames, format.FrameSignatures)
	if err != nil {
		return nil, err
	}
	sigs, err := format.DecodeSignatures(payload)
	if err != nil {
		return nil, err
	}
	body, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", format.ErrMalformed, err)
	}
	return &Opened{Digest: Digest(sealed), Body: body, Signatures: sigs}, nil
}

// ErrEpoch: a record was authenticated in an epoch whose key is not held.
var ErrEpoch = errors.New("authenticated with a key this device does not hold")

// verify checks both the signature by key and the tag by the keyring.
func (o *Opened) verify(context string, key crypto.VerifyKey, ring *Keyring) error {
	if err := key.Verify(context, o.Body, o.Signatures.Ed25519); err != nil {
		return err
	}
	return o.verifyTag(context, ring)
}

// verifyTag checks the tag alone. Two branches of a fork may have begun an epoch
// of one number, so each key of that number is tried.
func (o *Opened) verifyTag(context string, ring *Keyring) error {
	err := ErrEpoch
	for i := range ring.Epochs {
		if e := &ring.Epochs[i]; e.Number == o.Signatures.Epoch {
			if err = e.MAC.Verify(context, o.Body, o.Signatures.HMAC); err == nil {
				return nil
			}
		}
	}
	return err
}
