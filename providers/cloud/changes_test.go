package cloud

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
)

func (s *scene) changed() bool {
	s.t.Helper()
	changed, err := s.remote.Changed(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return changed
}

// What others do is noticed, also what they did while nobody ran; what this
// process does is not.
func TestChanged(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{})
	if err := s.put(before); err != nil {
		t.Fatal(err)
	}
	if !s.changed() {
		t.Error("at first nobody knows")
	}
	if s.changed() {
		t.Error("nothing happened")
	}
	if err := s.put(small); err != nil {
		t.Fatal(err)
	}
	if s.changed() {
		t.Error("only this process did something")
	}
	other := s.world.scene("drive", s.device("drive"))
	if err := other.put(large); err != nil {
		t.Fatal(err)
	}
	if err := s.reopen(); err != nil {
		t.Fatal(err)
	}
	if !s.changed() {
		t.Error("another device did something")
	}
	if s.changed() {
		t.Error("nothing happened since")
	}
	if err := other.Delete(context.Background(), large); err != nil {
		t.Fatal(err)
	}
	if !s.changed() {
		t.Error("another device deleted something")
	}
}

// A place in the list that the service has forgotten, or that was damaged here,
// is as good as none.
func TestChangedFromForgottenPlace(t *testing.T) {
	for name, text := range map[string]string{"old": `{"token":"1"}`, "damaged": `{"tok`, "empty": ``} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "drive", fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			s.changed()
			if err := os.WriteFile(filepath.Join(s.home, changesFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if name == "old" {
				s.Inject(fault("drive", fakecloud.Fault{Kind: fakecloud.KindChanges}, 410, "pageTokenExpired", "The page token is too old."))
			}
			if !s.changed() {
				t.Error("nobody knows, but it says no")
			}
			if s.changed() {
				t.Error("nothing happened since")
			}
		})
	}
}

// A service that can't say is no proof that nothing changed.
func TestChangedElsewhere(t *testing.T) {
	s := newScene(t, "onedrive", fakecloud.Options{})
	changed, err := s.remote.Changed(context.Background())
	if !changed || !errors.Is(err, errNoChanges) {
		t.Errorf("it says %t, %v", changed, err)
	}
}

func TestChangedFails(t *testing.T) {
	s := newScene(t, "drive", fakecloud.Options{})
	s.changed()
	s.Inject(fault("drive", fakecloud.Fault{Kind: fakecloud.KindChanges, Times: -1}, 503, "backendError", "Backend Error"))
	_, err := s.remote.Changed(context.Background())
	s.fails(err, providers.ErrTemporary, providers.HintUnreachable)
}
