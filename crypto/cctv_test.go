package crypto

import (
	"bytes"
	"compress/zlib"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	agetest "c2sp.org/CCTV/age"
)

// vector is one of the public test vectors of the age format.
type vector struct {
	name       string
	expect     string
	payload    []byte // SHA-256 of what may be released
	fileKey    []byte
	identities []string
	armored    bool
	file       []byte
}

// vectorsOf returns all of them, and fails on anything it doesn't know.
func vectorsOf(t *testing.T) (list []vector) {
	t.Helper()
	files, err := fs.ReadDir(agetest.Vectors, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := fs.ReadFile(agetest.Vectors, f.Name())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, parseVector(t, f.Name(), text))
	}
	return list
}

func parseVector(t *testing.T, name string, text []byte) vector {
	v := vector{name: name}
	compressed := false
	for {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		if text = rest; !ok {
			t.Fatalf("%s has no file", name)
		}
		if len(line) == 0 {
			break
		}
		key, value, _ := strings.Cut(string(line), ": ")
		switch key {
		case "expect":
			v.expect = value
		case "payload":
			v.payload, _ = hex.DecodeString(value)
		case "identity":
			v.identities = append(v.identities, value)
		case "armored":
			v.armored = true
		case "compressed":
			compressed = true
		case "file key":
			v.fileKey, _ = hex.DecodeString(value)
		case "comment", "passphrase":
		default:
			t.Fatalf("%s: unknown key %q", name, key)
		}
	}
	v.file = text
	if compressed {
		r, err := zlib.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if v.file, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// read is what one way of opening a file gave.
type read struct {
	plain []byte
	err   error
}

// allWays opens a file in every way this package has.
func allWays(file []byte, ids ...*Identity) map[string]read {
	ways := map[string]read{}
	plain, err := OpenAll(bytes.Clone(file), ids...)
	ways["OpenAll"] = read{plain, err}
	r, err := OpenStream(bytes.NewReader(file), ids...)
	plain = nil
	if err == nil {
		plain, err = io.ReadAll(r)
	}
	ways["OpenStream"] = read{plain, err}
	plain, err = inRanges(file, int64(len(file)), ids...)
	ways["NewOpener"] = read{plain, err}
	return ways
}

// inRanges opens a file piece by piece, in pieces that end in and between the
// file's segments.
func inRanges(file []byte, size int64, ids ...*Identity) (plain []byte, err error) {
	o, err := NewOpener(file[:min(len(file), HeaderRoom)], size, ids...)
	if err != nil {
		return nil, err
	}
	for off := int64(0); ; {
		n := min(segment*3/4, o.PlainSize()-off)
		from, length := o.Span(off, n)
		part, err := o.Open(bytes.Clone(file[from:from+length]), off, n)
		if err != nil {
			return plain, err
		}
		plain = append(plain, part...)
		if off += n; off == o.PlainSize() {
			return plain, nil
		}
	}
}

// The public vectors of the age format (c2sp.org/CCTV/age). Those of the hybrid
// kind open or fail as they say, in every way this package has of opening. All
// others are weaker: their keys are refused, and no hybrid key opens their
// files. Armored files are refused as no age files: objects are binary.
func TestPublicVectors(t *testing.T) {
	stranger := identity(t)
	counts := map[string]int{}
	for _, v := range vectorsOf(t) {
		ids, weak := hybridOf(t, v)
		kind, allowed := "hybrid", []error{v.want(t)}
		switch {
		case v.armored:
			kind, ids, allowed = "armored", append(ids, stranger), []error{ErrBroken}
		case weak && len(ids) > 0: // the weak key is refused, and the other one doesn't open it
			kind, allowed = "mixed", []error{ErrBroken, ErrNoMatch}
		case weak:
			kind, ids, allowed = "weak", []*Identity{stranger}, []error{ErrBroken, ErrNoMatch}
		}
		counts[kind]++
		for way, got := range allWays(v.file, ids...) {
			v.judge(t, kind+", "+way, got, allowed...)
		}
	}
	if want := map[string]int{"armored": 37, "weak": 92, "hybrid": 17, "mixed": 1}; !maps.Equal(counts, want) {
		t.Errorf("vectors: %v, want %v", counts, want)
	}
}

// What comes after the header is the same for all kinds of keys, so the
// vectors for it, which have a weak key, count for hybrid files too: each is
// given a hybrid header around the same file key.
func TestPublicVectorsOfThePayload(t *testing.T) {
	id := identity(t)
	counts := map[string]int{}
	for _, v := range vectorsOf(t) {
		if _, weak := hybridOf(t, v); v.armored || !weak || v.fileKey == nil {
			continue
		}
		if strings.HasPrefix(v.name, "stream_") || v.expect == "success" {
			counts[v.expect]++
			for way, got := range allWays(v.rewrapped(t, id), id) {
				v.judge(t, way, got, v.want(t))
			}
		}
	}
	if want := map[string]int{"success": 15, "payload failure": 18, "header failure": 2}; !maps.Equal(counts, want) {
		t.Errorf("vectors: %v, want %v", counts, want)
	}
}

// rewrapped returns the file with a header for id in place of its own.
func (v vector) rewrapped(t *testing.T, id *Identity) []byte {
	t.Helper()
	_, rest, found := bytes.Cut(v.file, []byte("\n--- "))
	_, payload, ended := bytes.Cut(rest, []byte("\n"))
	stanzas, err := id.age.Recipient().Wrap(v.fileKey)
	if !found || !ended || err != nil {
		t.Fatalf("%s has no header: %v", v.name, err)
	}
	encoding := base64.RawStdEncoding
	s := stanzas[0]
	header := "age-encryption.org/v1\n-> " + s.Type + " " + s.Args[0] + "\n" + encoding.EncodeToString(s.Body) + "\n---"
	key, err := hkdf.Key(sha256.New, v.fileKey, nil, "header", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header))
	return append([]byte(header+" "+encoding.EncodeToString(mac.Sum(nil))+"\n"), payload...)
}

// hybridOf parses the keys of a vector. It is weak if one of them, or what
// takes their place, is no hybrid one.
func hybridOf(t *testing.T, v vector) (ids []*Identity, weak bool) {
	t.Helper()
	for _, s := range v.identities {
		id, err := ParseIdentity(s)
		if hybrid := strings.HasPrefix(s, "AGE-SECRET-KEY-PQ-1"); hybrid != (err == nil) {
			t.Errorf("%s: its key gives %v", v.name, err)
		}
		if err == nil {
			ids = append(ids, id)
		} else if weak = true; !errors.Is(err, ErrWeakKey) {
			t.Errorf("%s: a weak key gives %v", v.name, err)
		}
	}
	return ids, weak || len(ids) == 0
}

// want is the error that the vector's expectation is here.
func (v vector) want(t *testing.T) error {
	t.Helper()
	err, known := map[string]error{"success": nil, "no match": ErrNoMatch, "header failure": ErrBroken, "HMAC failure": ErrBroken,
		"payload failure": ErrBroken, "armor failure": ErrBroken}[v.expect]
	if !known {
		t.Fatalf("%s expects %q", v.name, v.expect)
	}
	return err
}

// judge holds the outcome of one way of opening against what is allowed. Bytes
// come out of a file that opens, and of a stream until it breaks.
func (v vector) judge(t *testing.T, way string, got read, allowed ...error) {
	t.Helper()
	if !slices.ContainsFunc(allowed, func(want error) bool { return errors.Is(got.err, want) && (got.err == nil) == (want == nil) }) {
		t.Errorf("%s (%s): %v, want %v", v.name, way, got.err, allowed)
	}
	sum := sha256.Sum256(got.plain)
	streamed := strings.HasSuffix(way, "OpenStream") && len(got.plain) > 0
	if (got.err == nil || streamed) && !bytes.Equal(sum[:], v.payload) {
		t.Errorf("%s (%s): other bytes", v.name, way)
	}
	if v.expect != "success" && v.expect != "payload failure" && len(got.plain) > 0 {
		t.Errorf("%s (%s): %d bytes of a file that doesn't open", v.name, way, len(got.plain))
	}
}
