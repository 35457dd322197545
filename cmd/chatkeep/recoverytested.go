package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo"
)

// tested is the fact that a repository's recovery key was tested on this device.
// It is bound to the key by the repository's words, which a new key changes. It
// holds no secret.
type tested struct {
	Repository string    `json:"repository"`
	Words      string    `json:"words"` // in hex
	Time       time.Time `json:"time"`
}

func testedOf(r *repo.Repo) tested {
	words := r.Words()
	return tested{Repository: r.ID().String(), Words: hex.EncodeToString(words[:])}
}

// testedPath is where the facts lie; false on a device that keeps nothing of
// its own.
func (a *app) testedPath() (string, bool) {
	state, err := config.StateDir(a.getenv)
	if err != nil {
		return "", false
	}
	_, err = os.Stat(state)
	return filepath.Join(state, "recovery-tested.json"), err == nil
}

// allTested returns the facts; a file that is damaged holds none, so the person
// is asked again.
func (a *app) allTested() (list []tested) {
	path, ok := a.testedPath()
	if !ok {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(b, &list) != nil {
		return nil
	}
	return list
}

// noteTested notes that the recovery key of a repository was tested now. It
// returns false on a device that keeps nothing of its own.
func (a *app) noteTested(r *repo.Repo) (bool, error) {
	path, ok := a.testedPath()
	if !ok {
		return false, nil
	}
	fact := testedOf(r)
	fact.Time = time.Now().UTC().Truncate(time.Second)
	list := slices.DeleteFunc(a.allTested(), func(t tested) bool { return t.Repository == fact.Repository })
	b, err := json.MarshalIndent(append(list, fact), "", "  ")
	if err != nil {
		return false, err
	}
	return true, durable.WriteFile(path, append(b, '\n'), 0o600)
}

// keyTested reports whether the recovery key of a repository was tested on this
// device. Until it was, nobody knows whether it would bring the chats back.
func (a *app) keyTested(r *repo.Repo) bool {
	want := testedOf(r)
	return slices.ContainsFunc(a.allTested(), func(t tested) bool { return t.Repository == want.Repository && t.Words == want.Words })
}
