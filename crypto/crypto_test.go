package crypto

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"filippo.io/age"
)

func identity(t testing.TB) *Identity {
	t.Helper()
	id, err := GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func seal(t testing.TB, plain []byte, to ...*Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := Seal(&b, to...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// Every range of a file opens to the same bytes as age's own reader gives.
func TestOpenRangesAgreeWithAge(t *testing.T) {
	id := identity(t)
	for _, size := range []int{0, 1, 100, segment - 1, segment, segment + 1, 3 * segment, 3*segment + 17} {
		plain := noise(size)
		file := seal(t, plain, id.Recipient())
		if got := SealedSize(int64(size)); got != int64(len(file)) {
			t.Fatalf("SealedSize(%d) = %d, file has %d", size, got, len(file))
		}
		r, n, err := age.DecryptReaderAt(bytes.NewReader(file), int64(len(file)), id.age)
		if err != nil || n != int64(size) {
			t.Fatal(n, err)
		}
		o, err := NewOpener(file[:min(len(file), HeaderRoom)], int64(len(file)), id)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			off := rand.Int64N(int64(size) + 1)
			n := rand.Int64N(int64(size) - off + 1)
			from, length := o.Span(off, n)
			got, err := o.Open(bytes.Clone(file[from:from+length]), off, n)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, n)
			if _, err := r.ReadAt(want, off); n > 0 && err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("size %d range %d+%d differs", size, off, n)
			}
			blind, err := NewOpener(file[:min(len(file), HeaderRoom)], UnknownSize, id)
			if err != nil {
				t.Fatal(err)
			}
			from, length = blind.Span(off, n)
			end := min(from+length, int64(len(file)))
			if got, err := blind.Open(bytes.Clone(file[from:end]), off, n); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("size %d range %d+%d differs when the size is unknown: %v", size, off, n, err)
			}
		}
	}
}

func TestAlteredFileNeverOpens(t *testing.T) {
	id := identity(t)
	file := seal(t, noise(2*segment+5), id.Recipient())
	for range 200 {
		bad := bytes.Clone(file)
		bad[rand.IntN(len(bad))] ^= 1 << rand.IntN(8)
		if _, err := OpenAll(bad, id); err == nil {
			t.Fatal("a flipped bit went unnoticed")
		}
		cut := bytes.Clone(file[:rand.IntN(len(file))])
		if _, err := OpenAll(cut, id); !errors.Is(err, ErrBroken) {
			t.Fatalf("truncated file: %v", err)
		}
		r, err := OpenStream(bytes.NewReader(cut), id)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if !errors.Is(err, ErrBroken) {
			t.Fatalf("truncated stream: %v", err)
		}
	}
}

func TestWrongIdentityIsToldFromABrokenFile(t *testing.T) {
	id, other := identity(t), identity(t)
	file := seal(t, []byte("hello"), id.Recipient())
	if _, err := OpenAll(bytes.Clone(file), other); !errors.Is(err, ErrNoMatch) {
		t.Fatal(err)
	}
	if _, err := OpenAll(bytes.Clone(file), other, id); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAll([]byte("hello, I am no age file"), id); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	weak, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{weak.String(), "", "AGE-SECRET-KEY-PQ-1", "password"} {
		if _, err := ParseIdentity(s); !errors.Is(err, ErrWeakKey) {
			t.Errorf("%v", err)
		}
	}
	if _, err := ParseRecipient(weak.Recipient().String()); !errors.Is(err, ErrWeakKey) {
		t.Error(err)
	}
	id := identity(t)
	again, err := ParseIdentity(" " + id.String() + "\n")
	if err != nil || again.String() != id.String() || len(id.String()) != 77 {
		t.Fatal("a good key does not survive its text form", err)
	}
}

func TestSignaturesHoldOnlyInTheirContext(t *testing.T) {
	key, err := GenerateSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	mac := GenerateMACKey()
	msg := []byte("message")
	sig, tag := key.Sign("a", msg), mac.Sum("a", msg)
	if key.Public().Verify("a", msg, sig) != nil || mac.Verify("a", msg, tag) != nil {
		t.Fatal("own signature refused")
	}
	for _, c := range []struct{ context, msg string }{{"b", "message"}, {"a", "massage"}, {"", "message"}} {
		if key.Public().Verify(c.context, []byte(c.msg), sig) == nil || mac.Verify(c.context, []byte(c.msg), tag) == nil {
			t.Errorf("accepted for %q %q", c.context, c.msg)
		}
	}
	if key.Public().Verify("a", msg, nil) == nil || mac.Verify("a", msg, nil) == nil {
		t.Error("empty signature accepted")
	}
}

// The derivations are part of the stored format; these values never change.
func TestDerivationsAreFrozen(t *testing.T) {
	recovery, err := ParseIdentity("AGE-SECRET-KEY-PQ-13H3UY93H8EK40PVPU0C03XKMXYL3ETF9U7TP3MHMNZCAKPAS07RS456GHW")
	if err != nil {
		t.Fatal(err)
	}
	root, err := RootKey(recovery)
	if err != nil {
		t.Fatal(err)
	}
	rootSeed := root.Seed()
	var s Secret
	for i := range s {
		s[i] = byte(i)
	}
	idKey, cutKey := s.IDKey(), s.CutKey()
	id := NewNamer(idKey).ID([]byte("chatkeep"))
	for _, c := range []struct{ name, got, want string }{
		{"root seed", hex.EncodeToString(rootSeed), "25b715575b2f27ed1fd3b191d958c07198c5e4c848fe8ef4166dce8b8bb438d8"},
		{"id key", hex.EncodeToString(idKey[:]), "761c6924eb505d127d754a2b36e400d85e1edad47daed812c9f92f5614f28946"},
		{"cut key", hex.EncodeToString(cutKey[:]), "44ccb8e52d47f22830c9e5370d1f8846245af5f059cac9642821aad7d4b2a7a5"},
		{"chunk id", hex.EncodeToString(id[:]), "6c0dc5cdb851cca5c078bc24e4186e1077af30b47e188ebbd41842e78c297189"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	id := identity(b)
	file := seal(b, noise(16<<20), id.Recipient())
	o, err := NewOpener(file, int64(len(file)), id)
	if err != nil {
		b.Fatal(err)
	}
	from, n := o.Span(0, o.PlainSize())
	buf := make([]byte, n)
	b.SetBytes(n)
	for b.Loop() {
		copy(buf, file[from:])
		if _, err := o.Open(buf, 0, o.PlainSize()); err != nil {
			b.Fatal(err)
		}
	}
}
