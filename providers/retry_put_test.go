package providers_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

// checkPut puts content and expects it to arrive.
func (b *bench) checkPut(t *testing.T) {
	t.Helper()
	info, err := b.Put(t.Context(), "a/x", providers.BytesSource(content))
	if err != nil || info.Name != "a/x" || info.Size != int64(len(content)) {
		t.Errorf("put = %+v, %v", info, err)
	}
	if !bytes.Equal(b.inner.Bytes("a/x"), content) {
		t.Error("what is stored is not what was put")
	}
}

func TestPutAnswerLost(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Lost: true, Err: providers.ErrTemporary})
	b.checkPut(t)
	b.checkCalls(t, map[memory.Method]int{memory.Put: 1, memory.Stat: 1})
}

func TestPutRequestLost(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Err: providers.ErrTemporary})
	b.checkPut(t)
	b.checkCalls(t, map[memory.Method]int{memory.Put: 2, memory.Stat: 1})
}

// Until it is known whether the object arrived it is not sent again.
func TestPutAnswerLostAndStatFails(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Lost: true, Err: providers.ErrTemporary})
	b.inner.Inject(memory.Fault{Method: memory.Stat, Times: 2, Err: providers.ErrTemporary})
	b.checkPut(t)
	b.checkCalls(t, map[memory.Method]int{memory.Put: 1, memory.Stat: 3})
}

func TestPutAnswerLostAndDamaged(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Lost: true, Corrupt: true, Err: providers.ErrTemporary})
	b.checkPut(t)
	b.checkCalls(t, map[memory.Method]int{memory.Put: 2, memory.Stat: 1, memory.Delete: 1})
}

func TestPutDamagedOnce(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Corrupt: true})
	b.checkPut(t)
	b.checkCalls(t, map[memory.Method]int{memory.Put: 2, memory.Stat: 1, memory.Delete: 1})
}

func TestPutAlwaysDamaged(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Corrupt: true, Times: -1})
	_, err := b.Put(t.Context(), "a/x", providers.BytesSource(content))
	if !errors.Is(err, providers.ErrCorrupt) || !hint.Is(err, providers.HintCorrupt) {
		t.Errorf("put = %v", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, "put a/x: what was stored is not what was sent: sha256 ") {
		t.Errorf("text is %q", text)
	}
	if names := b.inner.Names(); len(names) != 0 {
		t.Errorf("%v is left", names)
	}
	b.checkCalls(t, map[memory.Method]int{memory.Put: 4, memory.Stat: 3, memory.Delete: 4})
}

// A damaged object that can't be deleted stays the next try's business.
func TestPutDamagedAndDeleteFails(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Method: memory.Put, Corrupt: true})
	b.inner.Inject(memory.Fault{Method: memory.Delete, Err: providers.ErrTemporary})
	b.checkPut(t)
	b.checkCalls(t, map[memory.Method]int{memory.Put: 2, memory.Stat: 1, memory.Delete: 2})
}

// answering changes the answers of Put.
type answering struct {
	providers.Remote
	change func(*providers.Info)
}

func (a answering) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	info, err := a.Remote.Put(ctx, name, src)
	a.change(&info)
	return info, err
}

func TestPutVerifies(t *testing.T) {
	for _, test := range []struct {
		what   string
		change func(*providers.Info)
		text   string // empty if the answer is good
	}{
		{"size", func(i *providers.Info) { i.Size-- }, "9999 bytes stored, 10000 sent"},
		{"sum", func(i *providers.Info) { i.Sums = sums(providers.SHA256, "00ff") }, "sha256 00ff stored, "},
		{"one of two sums", func(i *providers.Info) { i.Sums["md5"] = "00ff" }, ""},
		{"no sums", func(i *providers.Info) { i.Sums = nil }, ""},
		{"an unknown sum", func(i *providers.Info) { i.Sums = sums("quickxor", "00ff") }, ""},
		{"an empty sum", func(i *providers.Info) { i.Sums = sums(providers.SHA256, "") }, ""},
		{"upper case", func(i *providers.Info) {
			i.Sums[providers.SHA256] = strings.ToUpper(i.Sums[providers.SHA256])
		}, ""},
	} {
		b := reliable(t)
		r := providers.Reliable(answering{b.inner, test.change}, b.options())
		_, err := r.Put(t.Context(), "a/x", providers.BytesSource(content))
		if test.text == "" && err != nil || test.text != "" && (!errors.Is(err, providers.ErrCorrupt) || !strings.Contains(err.Error(), test.text)) {
			t.Errorf("%s: put = %v, want %q", test.what, err, test.text)
		}
	}
}

func sums(alg providers.Algorithm, sum string) map[providers.Algorithm]string {
	return map[providers.Algorithm]string{alg: sum}
}

func TestPutFull(t *testing.T) {
	b := reliable(t)
	b.inner.SetCapacity(100)
	_, err := b.Put(t.Context(), "a/x", providers.BytesSource(content))
	if !errors.Is(err, providers.ErrQuota) || !hint.Is(err, providers.HintFull) {
		t.Errorf("put = %v", err)
	}
	b.checkCalls(t, map[memory.Method]int{memory.Put: 1})
}

func TestPutRefusesBeforeCalling(t *testing.T) {
	b := reliable(t)
	if _, err := b.Put(t.Context(), "Bad", providers.BytesSource(content)); err == nil {
		t.Error("a bad name was put")
	}
	if _, err := b.Put(t.Context(), "a/x", providers.BytesSource(nil)); err == nil {
		t.Error("an empty object was put")
	}
	b.checkCalls(t, nil)
}
