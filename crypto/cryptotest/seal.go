// Package cryptotest makes age files of every kind for tests, also of those
// that are refused, and plays age plugins in software, so that no test needs a
// token.
//
// It knows age, and nothing of package crypto.
package cryptotest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"filippo.io/age/tag"
	"golang.org/x/crypto/ssh"
)

// Passphrase opens what is sealed to scrypt:N.
const Passphrase = "correct horse battery staple"

// Seal makes an age file that holds plain. Each of to says for whom:
//
//	hybrid           a new key that nobody holds
//	AGE-SECRET-KEY-… the key with this text
//	age1tagpq1…      a key of the plugin softtag: see NewToken
//	x25519, ssh-ed25519, p256tag, stranger   kinds that are weak or unknown
//	scrypt:N         Passphrase, with work factor N
//	scrypt:TEXT      it has a work factor of TEXT, and nobody opens it
func Seal(plain []byte, to ...string) ([]byte, error) {
	var list []age.Recipient
	for _, kind := range to {
		r, err := recipient(kind)
		if err != nil {
			return nil, fmt.Errorf("seal to %s: %w", kind, err)
		}
		list = append(list, bare{r})
	}
	var file bytes.Buffer
	w, err := age.Encrypt(&file, list...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return file.Bytes(), err
}

// Armor returns file as text.
func Armor(file []byte) ([]byte, error) {
	var text bytes.Buffer
	w := armor.NewWriter(&text)
	if _, err := w.Write(file); err != nil {
		return nil, err
	}
	err := w.Close()
	return text.Bytes(), err
}

// bare hides a recipient's labels, by which age forbids mixing.
type bare struct{ r age.Recipient }

func (b bare) Wrap(key []byte) ([]*age.Stanza, error) { return b.r.Wrap(key) }

func recipient(kind string) (age.Recipient, error) {
	name, arg, _ := strings.Cut(kind, ":")
	switch {
	case name == "hybrid":
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			return nil, err
		}
		return id.Recipient(), nil
	case strings.HasPrefix(kind, "AGE-SECRET-KEY-PQ-1"):
		id, err := age.ParseHybridIdentity(kind)
		if err != nil {
			return nil, err
		}
		return id.Recipient(), nil
	case strings.HasPrefix(kind, "age1tagpq1"):
		return tag.ParseRecipient(kind)
	case name == "scrypt":
		return passphrase(arg)
	}
	return weak(kind)
}

func passphrase(factor string) (age.Recipient, error) {
	n, err := strconv.Atoi(factor)
	if err != nil || n < 1 || n > 20 { // only its header is wanted
		return forged{age.Stanza{Type: "scrypt", Args: []string{strings.Repeat("A", 22), factor}, Body: make([]byte, 32)}}, nil
	}
	r, err := age.NewScryptRecipient(Passphrase)
	if err == nil {
		r.SetWorkFactor(n)
	}
	return r, err
}

func weak(kind string) (age.Recipient, error) {
	switch kind {
	case "x25519":
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		return id.Recipient(), nil
	case "ssh-ed25519":
		pub, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		key, err := ssh.NewPublicKey(pub)
		if err != nil {
			return nil, err
		}
		return agessh.NewEd25519Recipient(key)
	case "p256tag", "piv-p256", "stranger":
		return forged{age.Stanza{Type: kind, Args: []string{"AAAA"}, Body: make([]byte, 32)}}, nil
	}
	return nil, fmt.Errorf("nobody knows %q", kind)
}

// forged is a recipient of any kind whose stanza nobody opens.
type forged struct{ stanza age.Stanza }

func (f forged) Wrap([]byte) ([]*age.Stanza, error) { return []*age.Stanza{&f.stanza}, nil }
