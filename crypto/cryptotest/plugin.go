package cryptotest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"filippo.io/age/tag"
	"filippo.io/hpke"
)

// The plugins' names. The program age-plugin-NAME on the PATH must run
// PluginMain.
const (
	SoftTag = "softtag" // holds keys of age1tagpq1… recipients, and asks for PIN
	SoftPQ  = "softpq"  // holds keys of age1pq1… recipients, and asks whether to use them
)

// PIN is what softtag wants to know.
const PIN = "90210"

// RanFile is the environment variable with the name of a file that a plugin
// makes when it runs.
const RanFile = "CRYPTOTEST_PLUGIN_RAN"

const tagged = "mlkem768p256tag"

// NewToken makes a key as a token holds it: its plugin's identity, and its
// recipient.
func NewToken() (identity, recipient string, err error) {
	key, err := hpke.MLKEM768P256().GenerateKey()
	if err != nil {
		return "", "", err
	}
	secret, err := key.Bytes()
	if err != nil {
		return "", "", err
	}
	r, err := tag.NewHybridRecipient(key.PublicKey().Bytes())
	if err != nil {
		return "", "", err
	}
	return plugin.EncodeIdentity(SoftTag, secret), r.String(), nil
}

// Hold returns the softpq identity that holds a hybrid key, given as text.
func Hold(key string) string { return plugin.EncodeIdentity(SoftPQ, []byte(key)) }

// PluginMain is the program age-plugin-NAME, whichever it was called as.
func PluginMain() {
	if path := os.Getenv(RanFile); path != "" {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	name := filepath.Base(os.Args[0])[len("age-plugin-"):]
	p, err := plugin.New(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		if name == SoftPQ {
			id, err := age.ParseHybridIdentity(string(data))
			return asking{p, id}, err
		}
		key, err := hpke.MLKEM768P256().NewPrivateKey(data)
		return token{p, key}, err
	})
	os.Exit(p.Main())
}

// asking uses its key if it may.
type asking struct {
	*plugin.Plugin
	key age.Identity
}

func (a asking) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	yes, err := a.Confirm("Use the key in this program", "use it", "leave it")
	if err != nil {
		return nil, err
	}
	if !yes {
		return nil, errors.New("the key was not used")
	}
	return a.key.Unwrap(stanzas)
}

// token is a key behind a PIN.
type token struct {
	*plugin.Plugin
	key hpke.PrivateKey
}

func (t token) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if err := t.DisplayMessage("touch the token"); err != nil {
		return nil, err
	}
	pin, err := t.RequestValue("PIN of the token", true)
	if err != nil {
		return nil, err
	}
	if pin != PIN { // as some do, quoting what nobody should
		secret, _ := t.key.Bytes()
		return nil, fmt.Errorf("PIN %s does not open %s", pin, plugin.EncodeIdentity(SoftTag, secret))
	}
	i := slices.IndexFunc(stanzas, func(s *age.Stanza) bool { return s.Type == tagged && len(s.Args) == 2 })
	if i < 0 {
		return nil, age.ErrIncorrectIdentity
	}
	enc, err := base64.RawStdEncoding.DecodeString(stanzas[i].Args[1])
	if err != nil {
		return nil, err
	}
	r, err := hpke.NewRecipient(enc, t.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte("age-encryption.org/"+tagged))
	if err != nil {
		return nil, err
	}
	key, err := r.Open(nil, stanzas[i].Body)
	if err != nil {
		return nil, age.ErrIncorrectIdentity
	}
	return key, nil
}
