package trust

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// Request is a device's wish to join. It lies in clear on the remote and proves
// nothing by itself: people compare its words with those the device shows.
type Request struct {
	Repo      format.RepoID
	Device    format.DeviceID
	Role      format.Role // asked for
	Recipient string
	Verify    crypto.VerifyKey
	Time      int64 // ns since 1970
}

// RequestAge is how long a request counts.
const RequestAge = 7 * 24 * time.Hour

// maxAhead is how far the new device's clock may be ahead.
const maxAhead = 24 * time.Hour

const (
	contextRequest     = "chatkeep request v1"
	contextDeviceWords = "chatkeep device words v1"
	contextRootWords   = "chatkeep root words v1"
)

var (
	// ErrExpired: a request is too old, or from a clock that is far ahead.
	ErrExpired = errors.New("the request has expired")
	// ErrRequest: a request was altered, or belongs elsewhere.
	ErrRequest = errors.New("not a request of this repository, or an altered one")
)

// NewRequest is the request of a device.
func NewRequest(repo format.RepoID, d *DeviceKeys, role format.Role, time int64) *Request {
	return &Request{Repo: repo, Device: d.ID, Role: role, Recipient: d.Identity.Recipient().String(), Verify: d.Signing.Public(), Time: time}
}

// Fingerprint is what the device's words stand for: its keys and the
// repository they are for.
func (q *Request) Fingerprint() crypto.Fingerprint {
	b := append(q.Repo[:], q.Device[:]...)
	b = append(b, q.Verify[:]...)
	return crypto.FingerprintOf(contextDeviceWords, append(b, q.Recipient...))
}

// RootFingerprint is what a repository's words stand for.
func RootFingerprint(root crypto.VerifyKey) crypto.Fingerprint {
	return crypto.FingerprintOf(contextRootWords, root[:])
}

// Name is what the request is called on the remote: whoever knows the words can
// ask for it, however many others lie there.
func (q *Request) Name() format.Name { return RequestName(q.Fingerprint()) }

// RequestName is the name of the request with a fingerprint.
func RequestName(f crypto.Fingerprint) format.Name {
	return format.Name{Kind: format.KindRequest, Request: hex.EncodeToString(f[:])}
}

// requestText is a request as JSON.
type requestText struct {
	What       string `json:"what"`
	Format     int    `json:"format"`
	Repository string `json:"repository"`
	Device     string `json:"device"`
	Role       string `json:"role"`
	Recipient  string `json:"recipient"`
	Verify     string `json:"verify"`
	Time       int64  `json:"time"`
	Signature  string `json:"signature"`
}

const whatRequest = "chatkeep request"

var roles = []format.Role{format.Full, format.BackupOnly, format.ReadOnly}

// message is what a request's signature is over: all parts but the last have a
// fixed length.
func (q *Request) message() []byte {
	b := append(q.Repo[:], q.Device[:]...)
	b = append(b, byte(q.Role))
	b = binary.LittleEndian.AppendUint64(b, uint64(q.Time))
	b = append(b, q.Verify[:]...)
	return append(b, q.Recipient...)
}

// Encode signs a request with the device's key and returns it as JSON.
func (q *Request) Encode(key *crypto.SigningKey) []byte {
	return asText(requestText{What: whatRequest, Format: format.ReaderVersion, Repository: q.Repo.String(), Device: q.Device.String(),
		Role: q.Role.String(), Recipient: q.Recipient, Verify: hex.EncodeToString(q.Verify[:]), Time: q.Time,
		Signature: hex.EncodeToString(key.Sign(contextRequest, q.message()))})
}

// DecodeRequest reads a request of the repository and proves that it is whole,
// fresh at the given moment and made by whoever holds the keys it shows. It may
// be anybody's.
func DecodeRequest(text []byte, repo format.RepoID, now time.Time) (*Request, error) {
	var t requestText
	if err := json.Unmarshal(text, &t); err != nil || t.What != whatRequest {
		return nil, fmt.Errorf("%w: not a request", ErrRequest)
	}
	if t.Format > format.ReaderVersion {
		return nil, format.ErrNewer
	}
	q := &Request{Recipient: t.Recipient, Time: t.Time}
	for _, r := range roles {
		if r.String() == t.Role {
			q.Role = r
		}
	}
	signature, err := hex.DecodeString(t.Signature)
	if err == nil {
		err = unhex(q.Verify[:], t.Verify)
	}
	if err == nil {
		q.Repo, err = format.ParseRepoID(t.Repository)
	}
	if err == nil {
		q.Device, err = format.ParseDeviceID(t.Device)
	}
	switch {
	case err != nil || q.Role == 0 || q.Device.IsZero():
		return nil, fmt.Errorf("%w: a value is damaged", ErrRequest)
	case q.Repo != repo:
		return nil, fmt.Errorf("%w: it names another repository", ErrRequest)
	case q.Verify.Verify(contextRequest, q.message(), signature) != nil:
		return nil, fmt.Errorf("%w: its signature does not match", ErrRequest)
	}
	if _, err := crypto.ParseRecipient(q.Recipient); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if age := now.Sub(time.Unix(0, q.Time)); age > RequestAge || age < -maxAhead {
		return nil, ErrExpired
	}
	return q, nil
}
