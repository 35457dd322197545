// Package providertest holds every promise of [providers.Remote] against one
// remote. The test of a new provider is one line:
//
//	providertest.Run(t, func(t *testing.T) providers.Remote { return open(t) })
package providertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
)

// Run tests the remotes that open returns. Each call of open gives an empty
// one, whose listings show new objects at once; Run closes it. No subtest
// sleeps or runs in parallel.
func Run(t *testing.T, open func(t *testing.T) providers.Remote) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, r providers.Remote)
	}{
		{"PutGet", putGet},
		{"PutTwice", putTwice},
		{"PutSeveralMiB", putLarge},
		{"PutEmptyRefused", putEmpty},
		{"PutBrokenSource", putBrokenSource},
		{"PutCancelled", putCancelled},
		{"GetRange", getRange},
		{"GetPastEnd", getPastEnd},
		{"GetSmallReads", getSmallReads},
		{"GetImpossibleRange", getImpossible},
		{"Missing", missing},
		{"Stat", stat},
		{"Sums", sums},
		{"List", list},
		{"ListFolder", listFolder},
		{"ListMissingFolder", listMissing},
		{"ListStopped", listStopped},
		{"ListCancelled", listCancelled},
		{"ListBadPrefix", listBadPrefix},
		{"Delete", remove},
		{"MakeFolder", makeFolder},
		{"Names", names},
		{"BadNames", badNames},
		{"Concurrent", concurrent},
		{"ConcurrentSameName", concurrentSame},
		{"Cancelled", cancelled},
		{"Traits", traits},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t)
			test.run(t, r)
			if err := r.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// content returns n bytes that look like noise, different for each seed. It
// repeats one block with its number, since large noise takes long to make.
func content(n, seed int) []byte {
	block := make([]byte, 64<<10)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(block)
	b := make([]byte, n)
	for at := 0; at < n; at += len(block) {
		binary.LittleEndian.PutUint64(block, uint64(at^seed))
		copy(b[at:], block)
	}
	return b
}

func put(t *testing.T, r providers.Remote, name providers.Name, b []byte) providers.Info {
	t.Helper()
	info, err := r.Put(t.Context(), name, providers.BytesSource(b))
	if err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
	checkInfo(t, info, name, b)
	return info
}

// checkInfo compares an Info with what it describes. Sums may be missing, but
// one that is there is right.
func checkInfo(t *testing.T, info providers.Info, name providers.Name, b []byte) {
	t.Helper()
	if info.Name != name || info.Size != int64(len(b)) {
		t.Errorf("info = %s, %d bytes; want %s, %d bytes", info.Name, info.Size, name, len(b))
	}
	sum := sha256.Sum256(b)
	if got, ok := info.Sums[providers.SHA256]; ok && got != hex.EncodeToString(sum[:]) {
		t.Errorf("%s: SHA-256 %s is wrong", name, got)
	}
}

func get(t *testing.T, r providers.Remote, name providers.Name, offset, n int64) ([]byte, error) {
	t.Helper()
	body, err := r.Get(t.Context(), name, offset, n)
	if err != nil {
		t.Fatalf("get %s: %v", name, err)
	}
	b, err := io.ReadAll(body)
	if err := body.Close(); err != nil {
		t.Errorf("get %s: close: %v", name, err)
	}
	return b, err
}

func checkContent(t *testing.T, r providers.Remote, name providers.Name, want []byte) {
	t.Helper()
	got, err := get(t, r, name, 0, -1)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("get %s: %d bytes, %v; want the %d that were put", name, len(got), err, len(want))
	}
}

func checkAbsent(t *testing.T, r providers.Remote, name providers.Name) {
	t.Helper()
	if info, err := r.Stat(t.Context(), name); !errors.Is(err, providers.ErrNotExist) {
		t.Errorf("stat %s = %+v, %v; want ErrNotExist", name, info, err)
	}
}

// listed returns what a listing tells, and fails on a name told twice.
func listed(t *testing.T, r providers.Remote, prefix providers.Name, opt providers.ListOptions) map[providers.Name]providers.Info {
	t.Helper()
	found := map[providers.Name]providers.Info{}
	err := r.List(t.Context(), prefix, opt, func(info providers.Info) error {
		if _, twice := found[info.Name]; twice {
			t.Errorf("list %q: %s twice", prefix, info.Name)
		}
		found[info.Name] = info
		return nil
	})
	if err != nil {
		t.Fatalf("list %q: %v", prefix, err)
	}
	return found
}

func checkListed(t *testing.T, r providers.Remote, prefix providers.Name, want ...providers.Name) {
	t.Helper()
	got := slices.Sorted(maps.Keys(listed(t, r, prefix, providers.ListOptions{})))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("list %q = %v, want %v", prefix, got, want)
	}
}

// source is a source that a test shapes: it declares size and yields body.
type source struct {
	size int64
	body func() io.Reader
}

func (s source) Size() int64                          { return s.size }
func (s source) Sums() map[providers.Algorithm]string { return nil }
func (s source) Open() (io.ReadCloser, error)         { return io.NopCloser(s.body()), nil }

func withCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

func checkCancelled(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v, want %v", what, err, context.Canceled)
	}
}
