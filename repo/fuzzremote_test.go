package repo

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// fuzzIdentity is always the same, so that kept inputs go on opening with it.
const fuzzIdentity = "AGE-SECRET-KEY-PQ-1XEDG5HMF7F9AZ6G68KXYCS7S8CKRLQETPLKMCV2AT3F0WHZZWQ4S8MWF02"

func fuzzKey(f testing.TB) *crypto.Identity {
	f.Helper()
	id, err := crypto.ParseIdentity(fuzzIdentity)
	if err != nil {
		f.Fatal(err)
	}
	return id
}

func sealedTo(f testing.TB, id *crypto.Identity, plain []byte) []byte {
	f.Helper()
	var b bytes.Buffer
	w, err := crypto.Seal(&b, id.Recipient())
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		f.Fatal(err)
	}
	return b.Bytes()
}

// fuzzRecord is the plaintext of a record that is nobody's.
func fuzzRecord(body []byte) []byte {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err) // only for impossible options
	}
	plain := enc.EncodeAll(body, nil)
	n := int64(len(plain))
	plain = format.AppendFrame(plain, format.FrameSignatures, (&format.Signatures{Ed25519: []byte("a"), HMAC: []byte("b")}).Encode())
	return append(plain, format.Tail(int64(len(plain)), n, format.PaddedRecord)...)
}

// Whatever lies on a remote is an object that opens, or damage that is named so.
func FuzzSealed(f *testing.F) {
	id := fuzzKey(f)
	whole := sealedTo(f, id, fuzzRecord([]byte("body")))
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:200])
	f.Add([]byte("age-encryption.org/v1\n-> X25519 a\nb\n--- c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		o, err := trust.OpenRecord(b, id)
		if !bytes.Equal(b, before) {
			t.Fatal("the object was written to")
		}
		if err == nil && o.Digest != trust.Digest(b) {
			t.Fatal("another digest")
		}
		if err != nil && !Damage(err) {
			t.Fatalf("not called damage: %v", err)
		}
		opener, err := crypto.NewOpener(b, crypto.UnknownSize, id)
		if err != nil {
			return
		}
		from, n := opener.Span(0, 100)
		if from > int64(len(b)) {
			return
		}
		if plain, err := opener.Open(bytes.Clone(b[from:min(int64(len(b)), from+n)]), 0, 100); err == nil && len(plain) != 100 {
			t.Fatalf("%d bytes", len(plain))
		}
	})
}

// A member can seal any plaintext: it is a record, or damage.
func FuzzRecord(f *testing.F) {
	id := fuzzKey(f)
	f.Add(fuzzRecord([]byte("body")))
	f.Add(fuzzRecord(nil))
	f.Add(fuzzRecord(make([]byte, 1<<20)))
	f.Fuzz(func(t *testing.T, plain []byte) {
		o, err := trust.OpenRecord(sealedTo(t, id, plain), id)
		if err != nil && !Damage(err) {
			t.Fatalf("not called damage: %v", err)
		}
		if err == nil && len(o.Body) > trust.MaxRecord {
			t.Fatalf("%d bytes", len(o.Body))
		}
	})
}

// The plaintext of a pack is its chunks, or damage.
func FuzzPack(f *testing.F) {
	var secret crypto.Secret
	data := []byte("chatkeep")
	frame := format.AppendRaw(nil, data)
	contents := format.Contents{Entries: []format.ContentsEntry{{ID: crypto.NewNamer(secret.IDKey()).ID(data), Kind: format.ChunkData, Stored: uint32(len(frame)), Length: uint32(len(data))}}}
	plain := format.AppendFrame(bytes.Clone(frame), format.FrameContents, contents.Encode())
	plain = append(plain, format.Tail(int64(len(plain)), int64(len(frame)), format.PaddedRecord)...)
	prove := func(plain []byte) error {
		body, frames, err := format.Split(plain)
		if err != nil {
			return err
		}
		payload, err := format.FindFrame(frames, format.FrameContents)
		if err != nil {
			return err
		}
		c, err := format.DecodeContents(payload)
		if err != nil {
			return err
		}
		return proveChunks(body, c.Entries, secret)
	}
	if err := prove(plain); err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add(append(bytes.Repeat([]byte{0}, 20), plain...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := prove(b); err != nil && !Damage(err) && alarmFree(err) {
			t.Fatalf("not called damage: %v", err)
		}
	})
}

// alarmFree reports whether an error would pass for a failure of the network.
func alarmFree(err error) bool { _, ok := alarmFor("", err); return !ok }

// repository.json is anybody's: it is an id, damage, or something newer.
func FuzzClear(f *testing.F) {
	f.Add(encodeClear(format.RepoID{1, 2}))
	f.Add([]byte(`{"what":"chatkeep repository","format":2}`))
	f.Add([]byte(`{"what":"chatkeep repository","format":-1,"id":"00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := parseClear(b)
		if err != nil && alarmFree(err) {
			t.Fatalf("neither damaged nor newer: %v", err)
		}
		if again, err2 := parseClear(encodeClear(id)); err == nil && (err2 != nil || again != id) {
			t.Fatal(again, err2)
		}
	})
}

// Whatever seen.json says, it is remembered, and what is remembered is kept.
func FuzzSeen(f *testing.F) {
	v := seen{Roster: "aa", Record: 3, Broken: []string{"x"}, Lost: []string{format.Digest{1}.String()}}
	v.remember(format.Head{Device: format.DeviceID{1}, Seq: 7, Digest: format.Digest{2}})
	b, err := json.Marshal(v)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"heads":[{"device":"x","seq":18446744073709551615,"digest":""}],"lost":["y"]}`))
	f.Add([]byte(`{"heads":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &State{dir: t.TempDir()}
		if err := os.WriteFile(s.path(seenFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := s.loadSeen()
		if err != nil && alarmFree(err) {
			t.Fatal(err)
		}
		h := format.Head{Device: format.DeviceID{9}, Seq: 1, Digest: format.Digest{3}}
		before, known := v.head(h.Device)
		v.remember(h)
		if after, ok := v.head(h.Device); !known && (!ok || after != h) && before.Seq < 1 {
			t.Fatalf("%+v", after)
		}
		_ = (&Repo{seen: v}).lostObjects()
		if err := s.saveSeen(v); err != nil {
			t.Fatal(err)
		}
		if again, err := s.loadSeen(); err != nil || !reflect.DeepEqual(again.Heads, v.Heads) {
			t.Fatal(again, err)
		}
	})
}

// device.json may be damaged by a disk: it is a keyring that is written the same
// again, or none.
func FuzzKeyring(f *testing.F) {
	id := fuzzKey(f)
	recovery, err := trust.Found(id, "laptop", format.Full, "test", 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recovery.Ring.Encode())
	f.Add([]byte(`{"epochs":[{}],"device":{}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := trust.DecodeKeyring(b)
		if err != nil {
			return
		}
		again, err := trust.DecodeKeyring(k.Encode())
		if err != nil || !bytes.Equal(again.Encode(), k.Encode()) {
			t.Fatal(err)
		}
	})
}

// What a person types for a snapshot is one, or an error that says so.
func FuzzSpec(f *testing.F) {
	r := &Repo{ring: &trust.Keyring{}, roster: &trust.Roster{}}
	r.roster.Devices = []format.Device{{ID: format.DeviceID{1}, Name: "my/laptop"}, {ID: format.DeviceID{2}, Name: ""}}
	for _, s := range []string{"latest", "my/laptop/latest", "my/laptop/7", "/", "//0", "x/-1", format.DeviceID{2}.String() + "/18446744073709551616"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, _, err := r.parseSpec(s)
		if err == nil && r.roster.Device(d) == nil {
			t.Fatal("a device that is not there")
		}
		if err != nil && hint.Find(err) == nil {
			t.Fatalf("no hint: %v", err)
		}
	})
}
