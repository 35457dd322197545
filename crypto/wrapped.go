package crypto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// A wrapped identity is an age file with the text of an identity inside. What
// it is sealed with must be no weaker than the identity: whoever stores the
// file today could else open it once quantum computers exist, and with it all
// that the identity opens.

// The stanzas a wrapped identity may have.
const (
	stanzaHybrid     = "mlkem768x25519"  // age1pq1…, held by a plugin
	stanzaTagged     = "mlkem768p256tag" // age1tagpq1…, as hardware holds it
	stanzaPassphrase = "scrypt"          // alone
)

// The work factors of a passphrase, as powers of two. Below the least (OWASP's
// for scrypt with these parameters) guessing is too cheap; age itself takes 18.
// Each step doubles the memory: 18 takes 256 MiB, and the most 4 GiB.
const (
	LeastWorkFactor = 17
	MostWorkFactor  = 22
)

const maxWrapped = 64 << 10 // plaintext; a key is a line

// Errors of opening a wrapped identity.
var (
	// ErrWrongPassphrase: the passphrase does not open the file.
	ErrWrongPassphrase = errors.New("the passphrase does not open the file")
	// ErrNoPlugin: the file is sealed to a key that a plugin holds, and no
	// plugin was named.
	ErrNoPlugin = errors.New("sealed to a key that an age plugin holds")
)

// WeakSealError: the file is sealed in a way that is not known to withstand
// quantum computers, perhaps besides others that are.
type WeakSealError struct{ Kind string } // of the stanza, such as X25519

func (e *WeakSealError) Error() string { return "sealed with a key of the kind " + e.Kind }

// WorkFactorError: guessing the passphrase would be too cheap, or opening the
// file takes too much memory.
type WorkFactorError struct{ Factor int }

func (e *WorkFactorError) Error() string {
	return fmt.Sprintf("sealed with a passphrase and work factor %d, not %d to %d", e.Factor, LeastWorkFactor, MostWorkFactor)
}

// Weak reports whether the work factor is too low, not too high.
func (e *WorkFactorError) Weak() bool { return e.Factor < LeastWorkFactor }

// Unlock is what opens a wrapped identity. Nothing of it is asked or run before
// the file was found fit.
type Unlock struct {
	Passphrase func(context.Context) (string, error) // asks for it
	Plugins    []string                              // identities of plugins, AGE-PLUGIN-…
	Person     Person                                // whom a plugin talks to
}

// IsWrapped reports whether file is an age file, binary or armored.
func IsWrapped(file []byte) bool {
	return bytes.HasPrefix(file, []byte("age-encryption.org/")) || isArmored(file)
}

func isArmored(file []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(file), []byte(armor.Header))
}

// OpenWrapped returns what a wrapped identity holds. The error is ErrBroken,
// ErrNoMatch, one of those above, a *PluginError, or what a function of u
// returned.
func OpenWrapped(ctx context.Context, file []byte, u Unlock) ([]byte, error) {
	var src io.Reader = bytes.NewReader(file)
	if isArmored(file) {
		src = armor.NewReader(bytes.NewReader(bytes.TrimSpace(file)))
	}
	key := &unlocking{ctx: ctx, Unlock: u}
	r, err := age.Decrypt(src, key)
	if key.failed != nil {
		return nil, key.failed
	}
	if err != nil {
		return nil, matchError(err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxWrapped+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	if len(text) > maxWrapped {
		return nil, fmt.Errorf("%w: it holds more than a key", ErrBroken)
	}
	return text, nil
}

// unlocking is the one identity that age is given. So the kinds of all stanzas
// are known, parsed by age itself, before any of them is opened.
type unlocking struct {
	Unlock
	ctx    context.Context
	failed error // why it could not be opened, if that is more than no match
}

// Unwrap returns the file's key.
func (u *unlocking) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	kind, err := judge(stanzas)
	var key []byte
	switch {
	case err != nil:
	case kind == stanzaPassphrase:
		key, err = u.withPassphrase(stanzas)
	default:
		key, err = u.withPlugins(stanzas)
	}
	if err != nil && !errors.Is(err, age.ErrIncorrectIdentity) {
		u.failed = err
	}
	return key, err
}

// judge refuses files with a stanza that is weak or unknown, whatever stands
// beside it, and returns the kind of those that are there.
func judge(stanzas []*age.Stanza) (kind string, err error) {
	for _, s := range stanzas {
		switch s.Type {
		case stanzaHybrid, stanzaTagged, stanzaPassphrase:
			kind = s.Type
		default:
			return "", &WeakSealError{short(s.Type)}
		}
	}
	for _, s := range stanzas {
		if s.Type != stanzaPassphrase {
			continue
		}
		if len(stanzas) > 1 {
			return "", fmt.Errorf("%w: a passphrase must be the only key", ErrBroken)
		}
		return kind, judgeWork(s)
	}
	return kind, nil
}

func judgeWork(s *age.Stanza) error {
	if len(s.Args) != 2 {
		return fmt.Errorf("%w: no work factor", ErrBroken)
	}
	factor, err := strconv.ParseUint(s.Args[1], 10, 16)
	if err != nil {
		return fmt.Errorf("%w: no work factor", ErrBroken)
	}
	if factor < LeastWorkFactor || factor > MostWorkFactor {
		return &WorkFactorError{int(factor)}
	}
	return nil
}

// short bounds a name that comes from a file. age lets only visible ASCII into
// it.
func short(name string) string { return name[:min(len(name), 32)] }

// withPassphrase asks for the passphrase and tries it.
func (u *unlocking) withPassphrase(stanzas []*age.Stanza) ([]byte, error) {
	passphrase, err := u.Passphrase(u.ctx)
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, ErrWrongPassphrase // an empty one
	}
	id.SetMaxWorkFactor(MostWorkFactor)
	// scrypt takes 128 MiB to 4 GiB for a moment. The process may run for
	// weeks, and Go alone would give that back to the system only by and by.
	defer debug.FreeOSMemory()
	key, err := id.Unwrap(stanzas)
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, ErrWrongPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %v", ErrBroken, err)
	}
	return key, nil
}
