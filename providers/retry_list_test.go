package providers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

func (b *bench) fillMany() (names []providers.Name) {
	for i := range 20 {
		name := providers.Name(fmt.Sprintf("a/%02d", i))
		b.inner.SetBytes(name, content)
		names = append(names, name)
	}
	return names
}

// A listing that breaks off tells nothing twice and leaves nothing out.
func TestListResumes(t *testing.T) {
	b := reliable(t)
	want := b.fillMany()
	b.inner.Inject(memory.Fault{Cut: 7, Err: providers.ErrTemporary})
	b.inner.Inject(memory.Fault{Cut: 13, Err: providers.ErrTemporary})
	var got []providers.Name
	err := b.List(t.Context(), "", providers.ListOptions{}, func(info providers.Info) error {
		got = append(got, info.Name)
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("list = %v, %v", got, err)
	}
	b.checkCalls(t, map[memory.Method]int{memory.List: 3})
}

// The callback's error is nobody else's business, whatever its class.
func TestListStopped(t *testing.T) {
	b := reliable(t)
	b.fillMany()
	stop, calls := fmt.Errorf("enough: %w", providers.ErrTemporary), 0
	err := b.List(t.Context(), "", providers.ListOptions{}, func(providers.Info) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 {
		t.Errorf("list = %v after %d calls", err, calls)
	}
	b.checkCalls(t, map[memory.Method]int{memory.List: 1})
}

// Once List has returned, an abandoned listing calls nobody.
func TestListAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := reliable(t)
		b.fillMany()
		hold := make(chan struct{})
		b.inner.Inject(memory.Fault{Hold: hold})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := b.List(ctx, "", providers.ListOptions{}, func(info providers.Info) error {
			t.Errorf("told of %s", info.Name)
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("list = %v", err)
		}
		close(hold)
		synctest.Wait()
	})
}
