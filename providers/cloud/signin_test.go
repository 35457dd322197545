package cloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

const secretToken = `{"access_token":"never-to-be-seen","refresh_token":"nor-this"}`

// signedIn returns a saved sign-in.
func signedIn(t *testing.T, home string) *SignIn {
	t.Helper()
	s := NewSignIn(home)
	if err := s.Save(map[string]string{"client_id": "id", "token": secretToken}); err != nil {
		t.Fatal(err)
	}
	return s
}

func openSignIn(t *testing.T, home string) *SignIn {
	t.Helper()
	s, err := OpenSignIn(home)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignInIsKept(t *testing.T) {
	home := filepath.Join(t.TempDir(), "remotes", "drive-1")
	if s := openSignIn(t, home); !s.Empty() {
		t.Fatal("there is a sign-in where nobody signed in")
	}
	signedIn(t, home)
	s := openSignIn(t, home)
	if got, ok := s.Get("token"); !ok || got != secretToken || s.Empty() {
		t.Errorf("token %q %v", got, ok)
	}
	if _, ok := s.Get("client_secret"); ok {
		t.Error("there is an option nobody set")
	}
	entries, err := os.ReadDir(home)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files in the home: %v", len(entries), err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]fs.FileMode{home: 0o700, s.Path(): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %o", path, info.Mode().Perm(), err, want)
		}
	}
}

// A folder that was made with more rights loses them.
func TestSignInClosesItsFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	home := t.TempDir()
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	signedIn(t, home)
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestSignInRefusesWhatItDidNotWrite(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "cut": `{"token":"never-to-be-`, "list": `["never-to-be-seen"]`, "null": "null",
		"not flat": `{"token":{"access_token":"never-to-be-seen"}}`, "number": `{"token":1}`, "two": `{"token":"never-to-be-seen"}{}`,
		"not text": "never-to-be-seen\x00",
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			path := filepath.Join(home, SignInFile)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenSignIn(home)
			if !hint.Is(err, HintSignInDamaged) || strings.Contains(err.Error(), "never") {
				t.Errorf("%v", err)
			}
			if got, _ := os.ReadFile(path); string(got) != text {
				t.Errorf("the file is now %q", got)
			}
		})
	}
}

func TestSignInRefusesAFileOthersRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	home := t.TempDir()
	s := signedIn(t, home)
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(s.Path(), mode); err != nil {
			t.Fatal(err)
		}
		_, err := OpenSignIn(home)
		if !hint.Is(err, HintSignInPermissions) || !strings.Contains(fmt.Sprint(hint.Find(err).Args["command"]), "chmod 600") {
			t.Errorf("%o: %v", mode, err)
		}
	}
}

// A token that one program refreshed is the other's token as well.
func TestSignInSeesOtherPrograms(t *testing.T) {
	home := t.TempDir()
	one := signedIn(t, home)
	two := openSignIn(t, home)
	for i := range 3 {
		token := fmt.Sprintf(`{"access_token":"%d"}`, i)
		one.Set("token", token)
		if got, _ := two.Get("token"); got != token {
			t.Fatalf("round %d: %s", i, got)
		}
		one, two = two, one
	}
	if err := errors.Join(one.Err(), two.Err()); err != nil {
		t.Error(err)
	}
}

// A program that still holds the old sign-in does not spoil the new one.
func TestSignInAnewIsNotOverwritten(t *testing.T) {
	home := t.TempDir()
	old := signedIn(t, home)
	if err := NewSignIn(home).Save(map[string]string{"client_id": "new", "token": "new"}); err != nil {
		t.Fatal(err)
	}
	old.Set("token", "refreshed from the old one")
	got := openSignIn(t, home).Values()
	if got["token"] != "new" || got["client_id"] != "new" {
		t.Errorf("%v", got)
	}
	if err := old.Err(); err != nil {
		t.Error(err)
	}
}

// A sign-in that was removed does not come back with the next refresh.
func TestSignInRemovedStaysRemoved(t *testing.T) {
	home := t.TempDir()
	s := signedIn(t, home)
	if err := os.Remove(s.Path()); err != nil {
		t.Fatal(err)
	}
	s.Set("token", "refreshed")
	if err := s.Err(); !hint.Is(err, HintSignInNotSaved) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(s.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// What could not be written is remembered, used meanwhile, and written once
// that is possible again.
func TestSignInRemembersAFailedWrite(t *testing.T) {
	base := t.TempDir()
	home, away := filepath.Join(base, "home"), filepath.Join(base, "away")
	s := signedIn(t, home)
	if err := os.Rename(home, away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(home, nil, 0o600); err != nil { // no folder any more
		t.Fatal(err)
	}
	s.Set("token", "rotated")
	if err := s.Err(); !hint.Is(err, HintSignInNotSaved) || strings.Contains(err.Error(), "rotated") {
		t.Errorf("%v", err)
	}
	if got, _ := s.Get("token"); got != "rotated" {
		t.Errorf("token %q", got)
	}
	if err := os.Remove(home); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, home); err != nil {
		t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("%v", err)
	}
	if got, _ := openSignIn(t, home).Get("token"); got != "rotated" {
		t.Errorf("token on disk %q", got)
	}
}

// No way of printing it shows what is in it.
func TestSignInIsNeverPrinted(t *testing.T) {
	s := signedIn(t, t.TempDir())
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&b, verb+"\n", s)
		fmt.Fprintf(&b, verb+"\n", struct{ S, s *SignIn }{s, s})
		fmt.Fprintf(&b, verb+"\n", []any{s, map[string]any{"s": s}})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Error("failed", "s", s, "list", []*SignIn{s}, slog.Group("g", "s", s))
	}
	text, err := json.Marshal(map[string]any{"s": s})
	b.Write(text)
	if out := b.String(); err != nil || strings.Contains(out, "never") || strings.Contains(out, "6e65766572") || !strings.Contains(out, s.Path()) {
		t.Errorf("%v: %s", err, out)
	}
	for _, verb := range []string{"%#v", "%d", "%x"} {
		if got := fmt.Sprintf(verb, s); got != s.String() {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := fmt.Sprint((*SignIn)(nil)); got != "no sign-in" {
		t.Error(got)
	}
}

func TestSignInExpires(t *testing.T) {
	s := NewSignIn(t.TempDir())
	if !s.Expires().IsZero() {
		t.Error("it ends, and nobody signed in")
	}
	values := map[string]string{"token": "t"}
	values[KeyExpires] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if err := s.Save(values); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(s.Expires()); left < 58*time.Minute || left > time.Hour {
		t.Errorf("it ends in %v", left)
	}
}

func TestSignInConcurrently(t *testing.T) {
	home := t.TempDir()
	s := signedIn(t, home)
	other := openSignIn(t, home)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				[]*SignIn{s, other}[i%2].Set("token", fmt.Sprint(i, j))
				_, _ = s.Get("token")
				_ = other.Err()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(s.Err(), other.Err()); err != nil {
		t.Error(err)
	}
	openSignIn(t, home)
}
