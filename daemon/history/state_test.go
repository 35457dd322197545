package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

func TestState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	empty := State{Slots: map[string]time.Time{}, Retry: map[string]Delay{}}
	if s, err := LoadState(dir); err != nil || !reflect.DeepEqual(s, empty) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, want := range []State{
		{Slots: map[string]time.Time{"backup": at(1)}, Retry: map[string]Delay{"verify": {at(2), 3}}, Pause: &Pause{at(3)}, Unsaved: at(4)},
		{Slots: map[string]time.Time{}, Retry: map[string]Delay{}, Pause: &Pause{}},
		empty,
	} {
		if err := SaveState(dir, want); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadState(dir); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	if err := SaveState(dir, State{}); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadState(dir); err != nil || !reflect.DeepEqual(got, empty) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, stateFile)
	for _, text := range []string{"", "{", "null", `{"format":2}`, `{"format":1,"slots":3}`, `{"format":1,"retry":{"a":{"failures":-1}}}`,
		`{"format":1,"pause":{"until":"soon"}}`, strings.Repeat(" ", mostState) + `{"format":1}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadState(dir)
		if !hint.Is(err, CodeState) || s.Slots == nil || s.Retry == nil || len(s.Slots)+len(s.Retry) > 0 || s.Pause != nil {
			t.Errorf("%.40q: %+v, %v", text, s, err)
		}
	}
	if err := SaveState(dir, State{Unsaved: at(0)}); err != nil {
		t.Fatal(err)
	}
	if s, err := LoadState(dir); err != nil || !s.Unsaved.Equal(at(0)) {
		t.Errorf("%+v, %v", s, err)
	}
}

// What can't be written leaves what was there.
func TestStateFault(t *testing.T) {
	dir := t.TempDir()
	if err := SaveState(dir, State{Unsaved: at(0)}); err != nil {
		t.Fatal(err)
	}
	bad := State{Unsaved: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if SaveState(dir, bad) == nil {
		t.Error("a time that can't be written was written")
	}
	if s, err := LoadState(dir); err != nil || !s.Unsaved.Equal(at(0)) {
		t.Errorf("%+v, %v", s, err)
	}
	path := filepath.Join(dir, stateFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil { // what can't be replaced
		t.Fatal(err)
	}
	if SaveState(dir, State{}) == nil {
		t.Error("a folder was replaced")
	}
	if _, err := LoadState(dir); !hint.Is(err, CodeState) {
		t.Errorf("%v", err)
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"format":1,"slots":{"backup":"2026-03-01T12:00:00Z"},"retry":{"a":{"not_before":"2026-03-01T12:00:00Z","failures":2}},"pause":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err != nil && !reflect.DeepEqual(s, storedState{}) {
			t.Fatal("a part of what is damaged is used")
		}
		if err == nil {
			if err := SaveState(t.TempDir(), State{s.Slots, s.Retry, s.Pause, s.Unsaved}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTroubleOf(t *testing.T) {
	now := at(0).Add(300 * time.Millisecond).In(time.FixedZone("", 3600))
	coded := hint.New("full", errors.New("no room"), "free", uint64(7), "path", "/x")
	for _, tt := range []struct {
		err  error
		want *Trouble
	}{
		{nil, nil},
		{fmt.Errorf("put: %w", coded), &Trouble{"full", map[string]string{"free": "7", "path": "/x"}, "put: no room", at(0)}},
		{errors.New("odd"), &Trouble{"failed", map[string]string{}, "odd", at(0)}},
		{fmt.Errorf("get: %w", providers.ErrNotExist), &Trouble{string(providers.HintMissing), map[string]string{}, "get: " + providers.ErrNotExist.Error(), at(0)}},
	} {
		if got := TroubleOf(tt.err, now); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: %+v, want %+v", tt.err, got, tt.want)
		}
	}
	for n := range 4 {
		long := TroubleOf(errors.New(strings.Repeat("x", n)+strings.Repeat("聊", 500)), now).Text
		if len(long) > longestCause || len(long) < longestCause-6 || !strings.HasSuffix(long, "聊…") {
			t.Errorf("%d bytes: %q", len(long), long[len(long)-9:])
		}
	}
}
