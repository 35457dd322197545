package snapshot

import (
	"context"
	"errors"
	"sync"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/chunker"
)

// room is how much the remote still takes: what the day's limit or the account
// leaves. A stage begins no file that it has no room for, and is published with
// what is complete; otherwise the upload would fail in the middle, and what it
// had sent could not be restored.
type room struct {
	ask func() (int64, error)

	mu      sync.Mutex
	asked   bool
	left    int64 // of what was to be stored when it was asked; Unknown: no end
	from    int64 // bytes stored by then
	inside  int64 // bytes of files that are being stored
	begun   bool  // some file was begun since
	why     error // what a Put beyond it returns
	out     bool  // nothing more goes in
	refused bool  // some file did not
	most    int64 // bytes stored up to which a file larger than the room goes on; zero: there is none
}

// newRoom is the room of one stage, or nil if nobody knows an end.
func (s *stage) newRoom(ctx context.Context) *room {
	b, ok := s.repo.Remote().(providers.Bounded)
	if !ok || s.opt.DryRun {
		return nil
	}
	return &room{ask: func() (int64, error) { return b.Room(ctx) }}
}

// admitted is a file that is being stored.
type admitted struct {
	room  *room // nil if no end is known
	size  int64 // counted as inside
	most  int64 // all bytes stored at which it is given up for this time; zero for none
	stats *repo.Stats
}

// part is the least that a large file is continued with: any of its chunks fits.
var part = int64(chunker.Media.Max)

// begin admits a file of this size, or returns nil if there is no room for it.
// Most backups send less than a pack: they never ask.
//
// The first file is let in though it is larger than the room, and gets the most
// of that, not all: one that is larger than a whole day's limit is sent over
// several days, beside what else there is, unless not even a chunk fits. No day
// makes room in a full account, so there such a file is let in only if an
// earlier state of it is there, as then little of it may be new.
func (r *room) begin(size int64, again bool, stats *repo.Stats, pack int64) *admitted {
	if r == nil {
		return &admitted{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &admitted{room: r, size: size, stats: stats}
	now := max(int64(stats.NewBytes.Load()), r.most) + r.inside
	if !r.out && now+size >= pack {
		r.look(now, int64(stats.Uploaded.Load()))
		left := r.left - (now - r.from)
		switch {
		case r.left == providers.Unknown || left > 0 && left >= size:
		case left <= 0 || r.begun:
			r.out = true
		case left-left/4 < part, !again && errors.Is(r.why, providers.ErrQuota):
			r.refused = true
			return nil
		default:
			a.size, a.most = 0, now+left-left/4
			r.most = a.most
		}
		r.begun = true
	}
	if r.out {
		return nil
	}
	r.inside += a.size
	return a
}

// end says that a file is stored, or given up.
func (a *admitted) end() {
	if a.room == nil {
		return
	}
	a.room.mu.Lock()
	defer a.room.mu.Unlock()
	a.room.inside -= a.size
	if a.most > 0 {
		a.room.most = 0
	}
}

// isFull reports whether a file that was let in although it is too large has no
// room for the next n bytes.
func (a *admitted) isFull(n int) bool {
	if a == nil || a.most == 0 || int64(a.stats.NewBytes.Load())+int64(n) <= a.most {
		return false
	}
	a.room.mu.Lock()
	defer a.room.mu.Unlock()
	a.room.refused = true
	return true
}

// look asks once.
func (r *room) look(now, sent int64) {
	if r.asked {
		return
	}
	r.asked, r.from = true, now
	if r.left, r.why = r.ask(); r.left != providers.Unknown {
		r.left -= r.left/16 + max(0, now-sent) // trees and padding; what is on its way
	}
}

// reason is why nothing more goes in, or nil.
func (r *room) reason() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.out && !r.refused {
		return nil
	}
	return r.why
}
