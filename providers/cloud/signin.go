package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rclone/rclone/fs/config/configmap"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Hints about the file of a sign-in; their values are path and, for the
// permissions, command.
const (
	HintSignInDamaged     hint.Code = "signin_damaged"
	HintSignInPermissions hint.Code = "signin_permissions"
	HintSignInNotSaved    hint.Code = "signin_not_saved"
)

// What a sign-in knows besides rclone's options.
const (
	KeySignedIn = "signed_in"     // when the person signed in; tells one sign-in from the next
	KeyExpires  = "login_expires" // when it ends, where the service said so
)

// SignInFile is the name of the file in a remote's home.
const SignInFile = "signin.json"

// SignIn is what a remote needs to get in: a flat map of rclone's options to
// their values, in one file that only its owner can read. Secrets stand there
// and nowhere else.
//
// It is rclone's source of these options, and takes the tokens rclone
// refreshes. It may be used concurrently, also by several programs: a token
// that another one refreshed is seen.
type SignIn struct {
	path string

	mu     sync.Mutex
	kept   *kept
	seen   os.FileInfo // the file kept was read from; nil if there was none
	failed error       // why kept is not in the file
}

// kept holds what is secret behind one more pointer: fmt follows a single one
// where it may not call Format, in a private field of somebody else's struct.
type kept struct{ values map[string]string }

var _ configmap.Mapper = (*SignIn)(nil)

// OpenSignIn reads the sign-in in home. None there is an empty one. A file
// that others can read, or that is damaged, is an error and stays as it is.
func OpenSignIn(home string) (*SignIn, error) {
	s := NewSignIn(home)
	values, info, err := s.read()
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.kept.values, s.seen = values, info
	return s, nil
}

// NewSignIn is a sign-in that has forgotten whatever is in home. What is
// there stays until Save.
func NewSignIn(home string) *SignIn {
	return &SignIn{path: filepath.Join(home, SignInFile), kept: &kept{map[string]string{}}}
}

// Path is where the sign-in is kept.
func (s *SignIn) Path() string { return s.path }

// Empty reports whether nobody has signed in.
func (s *SignIn) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept.values) == 0
}

// Expires is when the service said that the sign-in ends, or zero.
func (s *SignIn) Expires() time.Time {
	text, _ := s.Get(KeyExpires)
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// Get returns the value of an option. A token is read again if the file has
// changed.
func (s *SignIn) Get(key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "token" {
		// A file that can't be read now may be readable at the next refresh;
		// until then the token we have is the best there is.
		_ = s.reload()
	}
	value, ok := s.kept.values[key]
	return value, ok
}

// Set keeps a value that rclone has changed, which is a refreshed token. As
// rclone can't be told that it failed, [SignIn.Err] remembers it.
func (s *SignIn) Set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = s.set(key, value)
}

func (s *SignIn) set(key, value string) error {
	before := s.kept.values[KeySignedIn]
	had := s.seen != nil
	err := s.reload()
	switch {
	case err == nil && s.kept.values[KeySignedIn] != before:
		// Somebody signed in anew meanwhile: this token is of the old sign-in
		// and must not replace the new one.
		return nil
	case errors.Is(err, fs.ErrNotExist) && had:
		return fmt.Errorf("save sign-in: %s was removed", s.path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		s.kept.values[key] = value // good for as long as this program runs
		return err
	}
	s.kept.values[key] = value
	Pinned(s.kept.values)
	return s.write(s.kept.values)
}

// Err returns why the newest token could not be saved, or nil if it was. It
// tries once more before it says so. A token that is only in memory is lost
// when the program ends, and with it perhaps the sign-in.
func (s *SignIn) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil && s.unchanged() {
		s.failed = s.write(s.kept.values)
	}
	return hint.New(HintSignInNotSaved, s.failed, "path", s.path)
}

// unchanged reports whether the file still is the one last read or written.
func (s *SignIn) unchanged() bool {
	info, err := os.Lstat(s.path)
	return err == nil && s.seen != nil && same(info, s.seen)
}

// Values returns a copy of all values.
func (s *SignIn) Values() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.kept.values)
}

// Save replaces the sign-in by a new one, in one step: after an error or a
// crash the old one is still there.
func (s *SignIn) Save(values map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	values = maps.Clone(values)
	values[KeySignedIn] = time.Now().UTC().Format(time.RFC3339Nano)
	if err := s.write(values); err != nil {
		return err
	}
	s.kept.values, s.failed = values, nil
	return nil
}

func (s *SignIn) write(values map[string]string) error {
	text, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return fmt.Errorf("save sign-in %s: %w", s.path, err)
	}
	if err := durable.ReplaceSecret(s.path, append(text, '\n')); err != nil {
		return fmt.Errorf("save sign-in: %w", err)
	}
	if err := os.Chmod(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("save sign-in: %w", err)
	}
	if info, err := os.Lstat(s.path); err == nil {
		s.seen = info
	}
	return nil
}

// reload takes in what another program wrote.
func (s *SignIn) reload() error {
	info, err := os.Lstat(s.path)
	if err != nil {
		return fmt.Errorf("read sign-in: %w", err)
	}
	if s.seen != nil && same(info, s.seen) {
		return nil
	}
	values, info, err := s.read()
	if err != nil {
		return err
	}
	s.kept.values, s.seen = values, info
	return nil
}

func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func (s *SignIn) read() (map[string]string, os.FileInfo, error) {
	// Looked at before it is read: what is written in between is then read
	// once more, rather than missed.
	info, err := os.Lstat(s.path)
	if err != nil {
		return nil, nil, fmt.Errorf("read sign-in: %w", err)
	}
	text, err := durable.ReadSecret(s.path)
	if h := hint.Find(err); h != nil && h.Code == durable.CodePermissions {
		return nil, nil, hint.New(HintSignInPermissions, h.Err, "path", s.path, "command", h.Args["command"])
	}
	if err != nil {
		return nil, nil, err
	}
	values := map[string]string{}
	if json.Unmarshal(text, &values) != nil || values == nil { // the cause could quote a secret
		err := fmt.Errorf("read sign-in %s: it is not what chatkeep wrote", s.path)
		return nil, nil, hint.New(HintSignInDamaged, err, "path", s.path)
	}
	return values, info, nil
}

// String names the file, and nothing that is in it.
func (s *SignIn) String() string {
	if s == nil {
		return "no sign-in"
	}
	return "sign-in at " + s.path
}

// Format is String for every verb, so that no %+v shows what is secret.
func (s *SignIn) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String for logs.
func (s *SignIn) LogValue() slog.Value { return slog.StringValue(s.String()) }
