package snapshot

import (
	"context"
	"sync"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
)

// room is how much the remote still takes: what the day's limit or the account
// leaves. A stage begins no file that it has no room for, and is published with
// what is complete; otherwise the upload would fail in the middle, and what it
// had sent could not be restored.
type room struct {
	ask func() (int64, error)

	mu     sync.Mutex
	asked  bool
	left   int64 // of what was to be stored when it was asked; Unknown: no end
	from   int64 // bytes stored by then
	inside int64 // bytes of files that are being stored
	begun  bool  // some file was begun since
	why    error // what a Put beyond it returns
	out    bool  // nothing more goes in
}

// newRoom is the room of one stage, or nil if nobody knows an end.
func (s *stage) newRoom(ctx context.Context) *room {
	b, ok := s.repo.Remote().(providers.Bounded)
	if !ok || s.opt.DryRun {
		return nil
	}
	return &room{ask: func() (int64, error) { return b.Room(ctx) }}
}

// begin reports whether there is room for a file of this size; if so, end
// follows when it is stored. Most backups send less than a pack: they never
// ask. A file is let in if it is the first: one that is larger than a whole
// day's limit is sent over several days.
func (r *room) begin(size int64, stats *repo.Stats, pack int64) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := int64(stats.NewBytes.Load()) + r.inside
	if !r.out && now+size >= pack {
		r.look(now, int64(stats.Uploaded.Load()))
		left := r.left - (now - r.from)
		r.out = r.left != providers.Unknown && (left <= 0 || left < size && r.begun)
		r.begun = true
	}
	if !r.out {
		r.inside += size
	}
	return !r.out
}

// end says that a file is stored.
func (r *room) end(size int64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside -= size
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
	if !r.out {
		return nil
	}
	return r.why
}
