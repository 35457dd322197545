package trust

import (
	"bytes"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/repo/format"
)

// What anybody can put on a remote is read without harm, and nothing is accepted
// that says something else once it is written again.
func FuzzDecodeRequest(f *testing.F) {
	keys, err := NewDevice()
	if err != nil {
		f.Fatal(err)
	}
	repo := format.RepoID{1}
	f.Add(NewRequest(repo, keys, format.Full, 1).Encode(keys.Signing))
	f.Add([]byte(`{"what":"chatkeep request","format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := DecodeRequest(b, repo, time.Unix(0, 1))
		if err != nil {
			return
		}
		if q.Repo != repo || q.Role == 0 || q.Device.IsZero() {
			t.Errorf("accepted %+v", q)
		}
		if _, err := crypto.ParseRecipient(q.Recipient); err != nil {
			t.Error(err)
		}
	})
}

// A damaged state folder gives errors, and never other keys.
func FuzzDecodeDeviceKeys(f *testing.F) {
	recovery, err := crypto.GenerateIdentity()
	if err != nil {
		f.Fatal(err)
	}
	founding, err := Found(recovery, "a", format.Full, "", 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(founding.Ring.Device.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := DecodeDeviceKeys(b); err == nil {
			again, err := DecodeDeviceKeys(d.Encode())
			if err != nil || !bytes.Equal(again.Encode(), d.Encode()) {
				t.Errorf("keys do not survive their text: %v", err)
			}
		}
	})
}
