package memory_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

var noon = time.Date(2020, 1, 2, 12, 0, 0, 0, time.UTC)

// onLine returns a remote behind a line, at noon.
func onLine(rate int64, latency time.Duration) *memory.Remote {
	r := memory.New()
	r.SetClock(func() time.Time { return noon })
	r.SetLine(rate, latency)
	return r
}

func TestConformanceOnALine(t *testing.T) {
	providertest.Run(t, func(*testing.T) providers.Remote {
		r := memory.New()
		r.SetLine(1000, time.Second)
		return r
	})
}

func TestBytesAndCallsTakeTime(t *testing.T) {
	r := onLine(1000, time.Minute)
	check := func(what string, want time.Duration) {
		t.Helper()
		if got := r.Now().Sub(noon); got != want {
			t.Errorf("after %s it is noon and %v, want %v", what, got, want)
		}
	}
	check("nothing", 0)
	if err := put(r, "a/x", string(make([]byte, 90_500))); err != nil {
		t.Fatal(err)
	}
	check("a put of 90.5 s", 150500*time.Millisecond)
	body, err := r.Get(t.Context(), "a/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	check("a get of which nothing was read", 210500*time.Millisecond)
	if n, err := io.CopyN(io.Discard, body, 2000); n != 2000 || err != nil {
		t.Fatal(n, err)
	}
	check("2 s of a get", 212500*time.Millisecond)
	stat(r, "a/x")
	check("a stat", 272500*time.Millisecond)
}

// However many calls share the line, it carries no more, and each object
// arrives at a moment of its own.
func TestTheLineIsShared(t *testing.T) {
	const n, size = 50, 1007
	r := onLine(3000, time.Millisecond)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { put(r, providers.Name(fmt.Sprint("a/", i)), string(bytes.Repeat([]byte("x"), size))) })
	}
	wg.Wait()
	want := noon.Add(n*time.Millisecond + n*size*time.Second/3000)
	if got := r.Now(); want.Sub(got).Abs() > 1 {
		t.Errorf("%d puts are over at %v, want %v", n, got, want)
	}
	last := noon
	moments := map[time.Time]bool{}
	for i := range n {
		at := r.Arrived(providers.Name(fmt.Sprint("a/", i)))
		if at.Before(noon.Add(size * time.Second / 3000)) {
			t.Errorf("object %d arrived at %v", i, at)
		}
		if at.After(last) {
			last = at
		}
		moments[at] = true
	}
	if len(moments) != n || !last.Equal(r.Now()) {
		t.Errorf("%d moments, the last one %v, and it is %v", len(moments), last, r.Now())
	}
}

func TestArrivedIsTheFirstTime(t *testing.T) {
	r := onLine(1, 0)
	for range 2 {
		if err := put(r, "a/x", "12345"); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := r.Stat(t.Context(), "a/x"); err != nil || !info.ModTime.Equal(noon.Add(10*time.Second)) {
		t.Errorf("stat = %+v, %v", info, err)
	}
	r.Drop("a/x")
	if at := r.Arrived("a/x"); !at.Equal(noon.Add(5 * time.Second)) {
		t.Errorf("arrived at %v", at)
	}
	if at := r.Arrived("a/y"); !at.IsZero() {
		t.Errorf("what never came arrived at %v", at)
	}
}

// What the remote refuses was on the line all the same.
func TestRefusedBytesTakeTime(t *testing.T) {
	r := onLine(1, 0)
	r.SetCapacity(3)
	if put(r, "a/x", "12345") == nil || r.Now().Sub(noon) != 5*time.Second || !r.Arrived("a/x").IsZero() {
		t.Errorf("refused at %v, arrived at %v", r.Now(), r.Arrived("a/x"))
	}
}

func TestWithoutALine(t *testing.T) {
	r := memory.New()
	r.SetClock(func() time.Time { return noon })
	if put(r, "a/x", "x") != nil || !r.Now().Equal(noon) || !r.Arrived("a/x").Equal(noon) {
		t.Errorf("now %v, arrived %v", r.Now(), r.Arrived("a/x"))
	}
}
