package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

var errBroken = errors.New("broken")

func put(r *memory.Remote, name providers.Name, content string) error {
	_, err := r.Put(context.Background(), name, providers.BytesSource([]byte(content)))
	return err
}

func stat(r *memory.Remote, name providers.Name) error {
	_, err := r.Stat(context.Background(), name)
	return err
}

// outcome runs calls and notes which of them fail.
func outcome(n int, call func() error) (failed string) {
	for range n {
		if call() != nil {
			failed += "x"
		} else {
			failed += "."
		}
	}
	return failed
}

func TestFaultCalls(t *testing.T) {
	for _, test := range []struct {
		fault memory.Fault
		want  string
	}{
		{memory.Fault{}, "x....."},
		{memory.Fault{Call: 1}, "x....."},
		{memory.Fault{Call: 3}, "..x..."},
		{memory.Fault{Call: 2, Times: 3}, ".xxx.."},
		{memory.Fault{Call: 4, Times: -1}, "...xxx"},
		{memory.Fault{Method: memory.Stat}, "x....."},
		{memory.Fault{Method: memory.Put, Times: -1}, "......"},
		{memory.Fault{Name: "a/x", Call: 2}, ".x...."},
		{memory.Fault{Name: "a/y", Times: -1}, "......"},
	} {
		r := memory.New()
		r.SetBytes("a/x", []byte("x"))
		test.fault.Err = errBroken
		r.Inject(test.fault)
		if got := outcome(6, func() error { return stat(r, "a/x") }); got != test.want {
			t.Errorf("%+v: %s, want %s", test.fault, got, test.want)
		}
	}
}

// Faults that fit the same calls count them side by side, and never hit one
// call together.
func TestFaultsInOrder(t *testing.T) {
	r := memory.New()
	first, second := errors.New("first"), errors.New("second")
	r.Inject(memory.Fault{Err: first, Times: 2})
	r.Inject(memory.Fault{Err: second, Call: 2})
	for i, want := range []error{first, first, second, providers.ErrNotExist} {
		if err := stat(r, "a/x"); !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i+1, err, want)
		}
	}
	r.Inject(memory.Fault{Err: first, Times: -1})
	r.Heal()
	if err := stat(r, "a/x"); !errors.Is(err, providers.ErrNotExist) {
		t.Errorf("after Heal: %v", err)
	}
}

func TestLost(t *testing.T) {
	r := memory.New()
	r.Inject(memory.Fault{Times: -1, Lost: true, Err: errBroken})
	ctx := t.Context()
	if err := put(r, "a/x", "x"); !errors.Is(err, errBroken) || string(r.Bytes("a/x")) != "x" {
		t.Errorf("put = %v, stored %q", err, r.Bytes("a/x"))
	}
	if err := r.MakeFolder(ctx, "b"); !errors.Is(err, errBroken) || !slices.Equal(r.Folders(), []providers.Name{"b"}) {
		t.Errorf("make folder = %v, made %v", err, r.Folders())
	}
	if err := stat(r, "a/x"); err == nil || err.Error() != "stat a/x: broken" {
		t.Errorf("stat = %v", err)
	}
	if _, err := r.Get(ctx, "a/x", 0, -1); !errors.Is(err, errBroken) {
		t.Errorf("get = %v", err)
	}
	if err := r.Delete(ctx, "a/x"); !errors.Is(err, errBroken) || len(r.Names()) != 0 {
		t.Errorf("delete = %v, left %v", err, r.Names())
	}
}

func TestNothingDone(t *testing.T) {
	r := memory.New()
	r.Inject(memory.Fault{Times: -1, Err: errBroken})
	if put(r, "a/x", "x") == nil || r.MakeFolder(t.Context(), "b") == nil || len(r.Names())+len(r.Folders()) != 0 {
		t.Errorf("after failed calls: %v, %v", r.Names(), r.Folders())
	}
}

func TestCutGet(t *testing.T) {
	for _, cause := range []error{nil, errBroken} {
		r := memory.New()
		r.SetBytes("a/x", []byte("0123456789"))
		r.Inject(memory.Fault{Method: memory.Get, Cut: 4, Err: cause})
		body, err := r.Get(t.Context(), "a/x", 1, 8)
		if err != nil {
			t.Fatal(err)
		}
		if cause == nil {
			cause = io.ErrUnexpectedEOF
		}
		if got, err := io.ReadAll(body); !errors.Is(err, cause) || string(got) != "1234" {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

func TestCutList(t *testing.T) {
	r := memory.New()
	for i := range 5 {
		r.SetBytes(providers.Name(fmt.Sprint("a/", i)), []byte("x"))
	}
	r.Inject(memory.Fault{Method: memory.List, Cut: 3, Err: errBroken})
	for _, want := range []struct {
		n   int
		err error
	}{{3, errBroken}, {5, nil}} {
		if n, err := count(r); n != want.n || !errors.Is(err, want.err) {
			t.Errorf("listed %d, %v; want %d, %v", n, err, want.n, want.err)
		}
	}
}

func count(r *memory.Remote) (n int, err error) {
	err = r.List(context.Background(), "", providers.ListOptions{}, func(providers.Info) error {
		n++
		return nil
	})
	return n, err
}

func TestCorrupt(t *testing.T) {
	r := memory.New()
	r.Inject(memory.Fault{Method: memory.Put, Corrupt: true})
	src := providers.BytesSource([]byte("0123456789"))
	info, err := r.Put(t.Context(), "a/x", src)
	if err != nil || info.Sums[providers.SHA256] == src.Sums()[providers.SHA256] {
		t.Errorf("put = %+v, %v", info, err)
	}
	if got := r.Bytes("a/x"); len(got) != 10 || bytes.Equal(got, []byte("0123456789")) {
		t.Errorf("stored %q", got)
	}
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, hold := memory.New(), make(chan struct{})
		r.Inject(memory.Fault{Hold: hold})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		returned := false
		go func() {
			r.MakeFolder(ctx, "a")
			returned = true
		}()
		<-ctx.Done()
		synctest.Wait()
		if returned {
			t.Error("the held call heeded its ctx")
		}
		close(hold)
		synctest.Wait()
		if !returned {
			t.Error("the held call did not go on")
		}
	})
}

func TestLag(t *testing.T) {
	r := memory.New()
	r.SetListLag(2)
	if err := put(r, "a/x", "x"); err != nil {
		t.Fatal(err)
	}
	r.SetBytes("a/y", []byte("y"))
	for i, want := range []int{1, 1, 2} {
		if n, err := count(r); n != want || err != nil {
			t.Errorf("listing %d shows %d objects, %v; want %d", i+1, n, err, want)
		}
	}
	if err := stat(r, "a/x"); err != nil {
		t.Errorf("stat = %v", err)
	}
}

func TestCapacity(t *testing.T) {
	r := memory.New()
	r.SetCapacity(10)
	for i, want := range []error{nil, nil, providers.ErrQuota} {
		if err := put(r, providers.Name(fmt.Sprint("a/", i)), "12345"); !errors.Is(err, want) {
			t.Errorf("put %d = %v, want %v", i, err, want)
		}
	}
	if err := put(r, "a/1", "12345"); err != nil { // takes no more room
		t.Errorf("put what is there = %v", err)
	}
	r.Drop("a/0")
	if err := put(r, "a/2", "12345"); err != nil {
		t.Errorf("put into freed room = %v", err)
	}
}

func TestClock(t *testing.T) {
	r, noon := memory.New(), time.Date(2020, 1, 2, 12, 0, 0, 0, time.UTC)
	r.SetClock(func() time.Time { return noon })
	info, err := r.Put(t.Context(), "a/x", providers.BytesSource([]byte("x")))
	if err != nil || !info.ModTime.Equal(noon) {
		t.Errorf("put = %+v, %v", info, err)
	}
}

func TestTampering(t *testing.T) {
	r := memory.New()
	if err := put(r, "a/x", "before"); err != nil {
		t.Fatal(err)
	}
	before, _ := r.Stat(t.Context(), "a/x")
	content := r.Bytes("a/x")
	content[0] = 'B'
	if string(r.Bytes("a/x")) != "before" {
		t.Error("Bytes returned the object itself")
	}
	r.SetBytes("a/x", content)
	content[0] = '-'
	after, _ := r.Stat(t.Context(), "a/x")
	if string(r.Bytes("a/x")) != "Before" || after.Sums[providers.SHA256] == before.Sums[providers.SHA256] {
		t.Errorf("stored %q, %+v", r.Bytes("a/x"), after)
	}
	if r.Bytes("a/none") != nil {
		t.Error("bytes of what is not there")
	}
}

func TestTraits(t *testing.T) {
	sums := func(traits providers.Traits, asked bool) (n int) {
		r := memory.New()
		r.SetTraits(traits)
		info, err := r.Put(t.Context(), "a/x", providers.BytesSource([]byte("x")))
		if err != nil {
			t.Fatal(err)
		}
		err = r.List(t.Context(), "", providers.ListOptions{Sums: asked}, func(listed providers.Info) error {
			n = len(info.Sums) + 10*len(listed.Sums)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	sha256 := []providers.Algorithm{providers.SHA256}
	if sums(providers.Traits{Sums: sha256}, false) != 11 ||
		sums(providers.Traits{Sums: sha256, SumsCostRead: true}, false) != 0 ||
		sums(providers.Traits{Sums: sha256, SumsCostRead: true}, true) != 10 ||
		sums(providers.Traits{}, true) != 0 {
		t.Error("sums are not reported as the traits say")
	}
}

func TestCalls(t *testing.T) {
	r := memory.New()
	put(r, "a/x", "x")
	stat(r, "a/x")
	stat(r, "a/y")
	stat(r, "Bad")
	if r.Calls(memory.Put) != 1 || r.Calls(memory.Stat) != 2 || r.Calls("") != 3 {
		t.Errorf("%d puts, %d stats, %d calls", r.Calls(memory.Put), r.Calls(memory.Stat), r.Calls(""))
	}
}
