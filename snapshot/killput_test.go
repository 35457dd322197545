package snapshot

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
)

// diesVariable tells a child which snapshot that it puts is its end.
const diesVariable = "CHATKEEP_TEST_DIES"

// dying kills its process when a given number of snapshots are to be put.
type dying struct {
	providers.Remote
	left *atomic.Int64
}

// mortal returns r, dying if the variable says so.
func mortal(r providers.Remote) providers.Remote {
	n, err := strconv.ParseInt(os.Getenv(diesVariable), 10, 64)
	if err != nil {
		return r
	}
	d := dying{r, &atomic.Int64{}}
	d.left.Store(n)
	return d
}

func (d dying) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	if strings.HasPrefix(string(name), "snapshots/") && d.left.Add(-1) == 0 {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			return providers.Info{}, err
		}
		<-ctx.Done()
	}
	return d.Remote.Put(ctx, name, src)
}

// dies runs a backup that is killed when it is about to put its nth snapshot.
func (h *hunt) dies(n int) {
	h.t.Helper()
	cmd := h.command("backup")
	cmd.Env = append(cmd.Env, diesVariable+"="+strconv.Itoa(n))
	if err := cmd.Run(); err == nil || cmd.ProcessState.Exited() {
		h.t.Fatalf("the backup was not killed: %v", err)
	}
}

// What a killed backup had sealed is put by the next one, though the chats are
// others by then; what that one makes itself is of the chats as they are.
func TestKilledBeforeItsSnapshot(t *testing.T) {
	h := newHunt(t)
	h.renew()
	h.child(0)
	h.survey()
	h.renew()
	h.dies(1)
	if h.survey() {
		t.Fatal("there is a snapshot already")
	}
	h.dies(2) // puts the first, and leaves one more of the same chats
	if !h.survey() {
		t.Fatal("the sealed snapshot did not arrive")
	}
	h.renew()
	h.dies(2)
	if h.survey() || h.older != 1 {
		t.Fatal("the sealed snapshot is not of the chats before")
	}
	h.proves(true)
	h.child(0)
	if !h.survey() {
		t.Fatal("the chats as they are are in no snapshot")
	}
	h.renew()
	h.proves(true)
}
