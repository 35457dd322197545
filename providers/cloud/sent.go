package cloud

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

// sent counts what is uploaded from midnight to midnight, and remembers it in
// a file.
type sent struct {
	file  *sharedFile
	limit int64 // bytes a day; zero for any number
	now   func() time.Time

	mu    sync.Mutex
	state sentState
}

// sentState is what is remembered.
type sentState struct {
	Day   string `json:"day"` // by this computer's clock
	Bytes int64  `json:"bytes"`
}

func newSent(home string, limit int64, now func() time.Time) *sent {
	s := &sent{limit: limit, now: now}
	if home != "" && limit > 0 {
		s.file = newSharedFile(filepath.Join(home, "sent.json"))
	}
	return s
}

// A sixteenth of the limit is for small packs alone: with them come the new
// messages of a day whose media have used up the rest.
const (
	smallShare = 16
	smallPack  = 4 << 20
)

// bound is up to where a pack of this size may be sent today.
func (s *sent) bound(size int64) int64 {
	if size < smallPack {
		return s.limit
	}
	return s.limit - s.limit/smallShare
}

// begin counts an upload that is about to start, or refuses it for today. The
// limit is for packs alone: what makes complete packs restorable is small and
// always goes. One pack a day goes even if the limit is smaller than that.
//
// end takes back what was not sent after all. If it is never called, as after
// a crash, all of it counts.
func (s *sent) begin(name providers.Name, size int64) (end func(sent int64), err error) {
	if s.limit <= 0 {
		return func(int64) {}, nil
	}
	now := s.now()
	s.update(now, func(state *sentState) {
		if isPack(name) && state.Bytes > 0 && state.Bytes+size > s.bound(size) {
			err = s.refuse(now)
			return
		}
		state.Bytes += size
	})
	if err != nil {
		return nil, err
	}
	return func(sent int64) {
		s.update(now, func(state *sentState) {
			if state.Day == dayOf(now) { // else that day is over
				state.Bytes = max(0, state.Bytes-size+sent)
			}
		})
	}, nil
}

func isPack(name providers.Name) bool { return strings.HasPrefix(string(name), "packs/") }

// refuse returns the error of a day whose limit is used up.
func (s *sent) refuse(now time.Time) error {
	return dayLimit(fmt.Errorf("%w (%d bytes a day)", providers.ErrLimit, s.limit), now)
}

// dayLimit is the class of a limit that midnight ends, ours or, as with
// Drive's 750 GB, about that of a service.
func dayLimit(cause error, now time.Time) error {
	return providers.Fail(providers.ErrLimit, &providers.RetryAfterError{After: midnight(now).Sub(now), Err: cause})
}

// midnight returns the end of a day.
func midnight(now time.Time) time.Time {
	year, month, day := now.Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, now.Location())
}

func dayOf(now time.Time) string { return now.Format(time.DateOnly) }

// update changes the count of today. A file that is damaged, and so unknown,
// counts as nothing sent: otherwise a day would be lost.
func (s *sent) update(now time.Time, change func(*sentState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.file.lock()()
	var kept sentState
	if text, err := s.file.read(); err == nil && json.Unmarshal(text, &kept) == nil {
		s.state = kept
	}
	if today := dayOf(s.now()); s.state.Day != today {
		s.state = sentState{Day: today}
	}
	change(&s.state)
	if !s.file.write(s.state) { // count for this process alone
		s.file = nil
	}
}
