package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"

	"github.com/chatkeep/chatkeep/providers"
)

// idBatch is how many ids are asked for at once; a request for each creation
// would double them.
const idBatch = 200

// ids are the file ids that Drive gave out for creations to come, and those of
// uploads that were begun and have not been answered. Both are kept over a
// restart: the next process takes up an upload under the same id. Processes of
// the same home share them.
type ids struct {
	file *sharedFile

	mu    sync.Mutex
	state idsState
	made  map[providers.Name]string // what this process made, as listings may not have it yet
	own   map[string]bool           // the same ids
}

// idsState is what is kept.
type idsState struct {
	Free  []string                  `json:"free,omitempty"`
	Begun map[providers.Name]string `json:"begun,omitempty"`
}

const idsFile = "ids.json"

func openIDs(home string) *ids {
	x := &ids{made: map[providers.Name]string{}, own: map[string]bool{}}
	if home != "" {
		x.file = newSharedFile(filepath.Join(home, idsFile))
	}
	return x
}

// begin returns the id for an object: the one an earlier try had, or a new one.
func (x *ids) begin(ctx context.Context, name providers.Name, more func(context.Context, int64) ([]string, error)) (string, error) {
	if id := x.take(name, nil); id != "" {
		return id, nil
	}
	fresh, err := more(ctx, idBatch)
	if err != nil {
		return "", err
	}
	if len(fresh) == 0 {
		return "", errors.New("ask for file ids: none came")
	}
	return x.take(name, fresh), nil
}

// take adds fresh ids and returns the one of an object, or "" if there is none
// left.
func (x *ids) take(name providers.Name, fresh []string) (id string) {
	x.update(func(s *idsState) bool {
		s.Free = append(s.Free, fresh...)
		if id = x.made[name]; id != "" {
			return len(fresh) > 0
		}
		if id = s.Begun[name]; id != "" || len(s.Free) == 0 {
			return len(fresh) > 0
		}
		id, s.Free = s.Free[0], s.Free[1:]
		s.Begun[name] = id
		return true
	})
	return id
}

// done notes that an object is there under its id.
func (x *ids) done(name providers.Name, id string) {
	x.update(func(s *idsState) bool {
		if len(x.made) >= mostObjects {
			clear(x.made)
			clear(x.own)
		}
		x.made[name], x.own[id] = id, true
		return s.forget(name)
	})
}

// forget gives up the id of an object: it was deleted, or nothing can be made
// with it.
func (x *ids) forget(name providers.Name) {
	x.update(func(s *idsState) bool {
		delete(x.made, name)
		return s.forget(name)
	})
}

// distrust gives up all ids that nothing was made with, which may be another
// account's.
func (x *ids) distrust() {
	x.update(func(s *idsState) bool {
		s.Free = nil
		return true
	})
}

func (s *idsState) forget(name providers.Name) bool {
	_, begun := s.Begun[name]
	delete(s.Begun, name)
	return begun
}

// known returns the ids that an object may have, whatever listings say.
func (x *ids) known(name providers.Name) (known []string) {
	x.update(func(s *idsState) bool {
		for _, id := range []string{x.made[name], s.Begun[name]} {
			if id != "" {
				known = append(known, id)
			}
		}
		return false
	})
	return known
}

// isOwn reports whether this process made a file.
func (x *ids) isOwn(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.own[id]
}

// update changes the state, and the file if change says so. What can't be read
// costs one request; what can't be written holds for this process, and after a
// crash an object may be there twice, which is harmless.
func (x *ids) update(change func(*idsState) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.file.lock()()
	if b, err := x.file.read(); err == nil {
		var kept idsState
		if json.Unmarshal(b, &kept) == nil {
			x.state = kept
		}
	}
	if x.state.Begun == nil {
		x.state.Begun = map[providers.Name]string{}
	}
	if change(&x.state) && !x.file.write(x.state) {
		x.file = nil
	}
}
