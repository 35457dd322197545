package repo

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
)

func newState(t *testing.T) *State {
	t.Helper()
	state, err := OpenState(filepath.Join(t.TempDir(), "state"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	return state
}

func newRecovery(t *testing.T) *crypto.Identity {
	t.Helper()
	id, err := crypto.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// An init that fails at any call leaves a place where the next one succeeds.
func TestInitFailsCleanly(t *testing.T) {
	recovery := newRecovery(t)
	for _, lost := range []bool{false, true} {
		for call, done := 1, false; !done; call++ {
			done = initWithFault(t, recovery, memory.Fault{Call: call, Err: providers.ErrTemporary, Lost: lost})
		}
	}
}

// initWithFault reports whether the init got past the fault without meeting it.
func initWithFault(t *testing.T, recovery *crypto.Identity, f memory.Fault) (done bool) {
	ctx, remote, state := context.Background(), memory.New(), newState(t)
	o := InitOptions{State: state, Recovery: recovery, Device: "laptop", Role: format.Full}
	remote.Inject(f)
	_, err := Init(ctx, remote, o)
	remote.Heal()
	if err != nil && !state.HasKeys() {
		if left := remote.Names(); len(left) > 0 {
			t.Errorf("a failure of call %d left %v", f.Call, left)
		}
		if _, err := Init(ctx, remote, o); err != nil {
			t.Fatalf("call %d: the second init: %v", f.Call, err)
		}
	}
	r, oerr := Open(ctx, remote, Options{State: state})
	if oerr != nil {
		t.Fatal(oerr)
	}
	if rep, err := r.Check(ctx, CheckOptions{Data: 100}); err != nil || !rep.OK() {
		t.Fatalf("call %d: check: %v %+v", f.Call, err, rep)
	}
	return err == nil
}

// What an init left that died without a word is removed by the next.
func TestInitAfterACrash(t *testing.T) {
	ctx, remote, state := context.Background(), memory.New(), newState(t)
	o := InitOptions{State: state, Recovery: newRecovery(t), Device: "laptop", Role: format.Full}
	remote.Inject(memory.Fault{Method: memory.Put, Call: 5, Err: providers.ErrTemporary})
	remote.Inject(memory.Fault{Method: memory.Delete, Times: 100, Err: providers.ErrTemporary})
	if _, err := Init(ctx, remote, o); err == nil {
		t.Fatal("the fault did not happen")
	}
	if len(remote.Names()) == 0 {
		t.Fatal("nothing was left behind, so nothing is tested")
	}
	remote.Heal()
	r, err := Init(ctx, remote, o)
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := r.Check(ctx, CheckOptions{Data: 100}); err != nil || !rep.OK() {
		t.Fatalf("check: %v %+v", err, rep)
	}
}

// An init over a repository, or of a device that has one, changes nothing.
func TestInitOverWhatIsThere(t *testing.T) {
	ctx, remote, state := context.Background(), memory.New(), newState(t)
	o := InitOptions{State: state, Recovery: newRecovery(t), Device: "laptop", Role: format.Full}
	if _, err := Init(ctx, remote, o); err != nil {
		t.Fatal(err)
	}
	before := len(remote.Names())
	for _, s := range []*State{state, newState(t)} {
		if _, err := Init(ctx, remote, InitOptions{State: s, Recovery: newRecovery(t), Device: "other", Role: format.Full}); !errors.Is(err, ErrRepository) {
			t.Error(err)
		}
	}
	if after := len(remote.Names()); after != before {
		t.Errorf("%d objects became %d", before, after)
	}
}
