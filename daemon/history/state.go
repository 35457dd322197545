package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

const (
	stateFile   = "daemon.json"
	stateFormat = 1
	mostState   = 1 << 20
)

// CodeState says that what the daemon remembered is lost.
const CodeState hint.Code = "daemon_state"

// State is what the daemon knows over restarts. Times may lie in the future,
// as the clock may have been wrong when they were noted; who uses them bounds
// what that can cost.
type State struct {
	Slots map[string]time.Time // by job, the last slot that was taken care of
	Retry map[string]Delay     // by job that failed
	Pause *Pause               // the user's; nil: none
	// Unsaved is the oldest change that is not backed up; zero: none is known.
	Unsaved time.Time
}

// Delay is when a job that failed may be tried again.
type Delay struct {
	NotBefore time.Time `json:"not_before"`
	Failures  int       `json:"failures"` // in a row
}

// Pause is until when nothing runs by itself.
type Pause struct {
	Until time.Time `json:"until,omitzero"` // zero: until resume
}

type storedState struct {
	Format  int                  `json:"format"`
	Slots   map[string]time.Time `json:"slots"`
	Retry   map[string]Delay     `json:"retry,omitempty"`
	Pause   *Pause               `json:"pause,omitempty"`
	Unsaved time.Time            `json:"unsaved,omitzero"`
}

// LoadState returns what the daemon noted in a state folder. Where nothing was
// noted it is empty. What can't be read is empty too, and the error, with
// CodeState, says so: the daemon goes on as a new one.
func LoadState(dir string) (State, error) {
	s := State{Slots: map[string]time.Time{}, Retry: map[string]Delay{}}
	path := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var stored storedState
	if err == nil {
		stored, err = parseState(text)
	}
	if err != nil {
		return s, hint.New(CodeState, fmt.Errorf("read %s: %w", path, err), "path", path)
	}
	for job, slot := range stored.Slots {
		s.Slots[job] = slot
	}
	for job, retry := range stored.Retry {
		s.Retry[job] = retry
	}
	s.Pause, s.Unsaved = stored.Pause, stored.Unsaved
	return s, nil
}

func parseState(text []byte) (s storedState, err error) {
	if len(text) > mostState {
		return storedState{}, fmt.Errorf("%d bytes: too long", len(text))
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return storedState{}, err
	}
	if s.Format != stateFormat {
		return storedState{}, fmt.Errorf("format %d is not known", s.Format)
	}
	for job, r := range s.Retry {
		if r.Failures < 0 {
			return storedState{}, fmt.Errorf("%s failed %d times", job, r.Failures)
		}
	}
	return s, nil
}

// SaveState notes what the daemon knows. A crash leaves this or what was there
// before.
func SaveState(dir string, s State) error {
	stored := storedState{stateFormat, s.Slots, s.Retry, s.Pause, s.Unsaved}
	if stored.Slots == nil {
		stored.Slots = map[string]time.Time{}
	}
	text, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return fmt.Errorf("write daemon state: %w", err)
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write daemon state: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, stateFile), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write daemon state: %w", err)
	}
	return nil
}
