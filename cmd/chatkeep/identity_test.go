package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/crypto/cryptotest"
	"github.com/chatkeep/chatkeep/internal/hint"
)

func makeToken(ts *testscript.TestScript, _ bool, args []string) {
	identity, recipient, err := cryptotest.NewToken()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("# a token\n"+identity+"\n"), 0o600))
	ts.Setenv("TOKEN", recipient)
}

func sealFile(ts *testscript.TestScript, _ bool, args []string) {
	plain, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	file, err := cryptotest.Seal(plain, args[2:]...)
	ts.Check(err)
	if strings.HasSuffix(args[1], ".txt") {
		file, err = cryptotest.Armor(file)
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), file, 0o600))
}

const aKey = "AGE-SECRET-KEY-PQ-13H3UY93H8EK40PVPU0C03XKMXYL3ETF9U7TP3MHMNZCAKPAS07RS456GHW"

// However a key comes from paper, it is the key.
func TestKeysAsTheyAreTyped(t *testing.T) {
	for _, text := range []string{
		aKey, aKey + "\r\n", "\ufeff# found in a drawer\n\n" + strings.ToLower(aKey) + "\n",
		"age secret key pq 1 3h3u y93h 8ek4 0pvp u0c0 3xkm xyl3 etf9 u7tp 3mhm nzca kpas 07rs 456g hw",
		"AGE-SECRET-KEY-PQ-1\n3H3U Y93H 8EK4 0PVP U0C0\n3XKM XYL3 ETF9 U7TP 3MHM\nNZCA KPAS 07RS 456G HW\n",
		"AGE-SECRET-KEY-PQ-1-3H3U-Y93H-8EK4-0PVP-U0C0-3XKM-XYL3-ETF9-U7TP-3MHM-NZCA-KPAS-07RS-456G-HW",
		"AGE-SECRET-KEY-PQ-1 3H3U Y93H 8EK4 OPVP UOCO 3XKM XYI3 ETF9 U7TP 3MHM NZCA KPAS O7RS 456G HW",
		aKey + "\nAGE-SECRET-KEY-PQ-1 another key",
		"AGE-PLUGIN-X-1QQ\n" + aKey,
	} {
		if id, err := parseKeyFile([]byte(text)).identity(); err != nil || id.String() != aKey {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for _, c := range []struct{ text, code string }{
		{"", "bad_key"}, {"# only a comment", "bad_key"}, {"hello", "bad_key"}, {"AGE-SECRET-KEY-PQ-", "bad_key"},
		{aKey[:70], "key_length"}, {aKey + "Q", "key_length"}, {keyPrefix, "bad_key"},
		{strings.Replace(aKey, "3H3U", "3H3V", 1), "key_letter"}, {strings.Replace(aKey, "3H3U", "3HU3", 1), "key_letter"},
		{strings.Replace(aKey, "3H3U", "3HVV", 1), "key_letters"},
		{"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0", "key_weak"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\n-----END OPENSSH PRIVATE KEY-----", "key_weak"},
		{"AGE-PLUGIN-X-1QQ", "identity_plugin_alone"},
	} {
		_, err := parseKeyFile([]byte(c.text)).identity()
		err = atKey("FILE", err)
		if !hint.Is(err, hint.Code(c.code)) {
			t.Errorf("%q: %v, want %s", c.text, err, c.code)
		}
		for line := range strings.Lines(c.text) {
			if len(line) > 20 && err != nil && strings.Contains(err.Error(), line[15:]) {
				t.Errorf("the error quotes the key: %v", err)
			}
		}
	}
}

// One wrong letter is found, wherever it is, and so are two that changed places.
func TestWrongLettersAreFound(t *testing.T) {
	for at := len(keyPrefix); at < keyLength; at += 7 {
		text := []byte(aKey)
		if text[at] = 'Q'; aKey[at] == 'Q' {
			text[at] = 'P'
		}
		if got := misread(string(text)); got != at {
			t.Errorf("the letter at %d is wrong, and %d was found", at, got)
		}
		text = []byte(aKey)
		if at+1 < keyLength && text[at] != text[at+1] {
			text[at], text[at+1] = text[at+1], text[at]
			if got := misread(string(text)); got != at {
				t.Errorf("the letters at %d changed places, and %d was found", at, got)
			}
		}
	}
	for at, want := range map[int][2]int{19: {2, 1}, 22: {2, 1}, 23: {2, 2}, 38: {2, 5}, 39: {3, 1}, 76: {4, 5}} {
		if row, group := (&letterError{at}).place(); row != want[0] || group != want[1] {
			t.Errorf("letter %d stands in row %d, group %d, not %v", at, row, group, want)
		}
	}
}

func TestKeyFilesAreTakenApart(t *testing.T) {
	sealed := armorBegin + "\nYWdl\n" + armorEnd
	for _, c := range []struct {
		text           string
		sealed         string
		plugins, lines int
	}{
		{"age-encryption.org/v1\nrest", "age-encryption.org/v1\nrest", 0, 0},
		{sealed, sealed, 0, 0},
		{"# a key\nage-plugin-x-1qq\n\n" + sealed + "\nAGE-PLUGIN-Y-1QQ\n", sealed, 2, 0},
		{"AGE-PLUGIN-X-1QQ\n" + armorBegin + "\nYWdl", armorBegin + "\nYWdl", 1, 0},
		{aKey + "\n" + sealed, sealed, 0, 1},
	} {
		f := parseKeyFile([]byte(c.text))
		if string(f.sealed) != c.sealed || len(f.plugins) != c.plugins || len(f.lines) != c.lines {
			t.Errorf("%q: %q, %d plugins, %d lines", c.text, f.sealed, len(f.plugins), len(f.lines))
		}
	}
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "recovery"), []byte(aKey), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	a := newApp(nil)
	if id, err := a.readIdentity(t.Context(), "credential:recovery", keyUnlock{}); err != nil || id.String() != aKey {
		t.Error(err)
	}
	for _, name := range []string{"", "other", "../recovery", "a/b", ".", ".."} {
		if _, err := a.readIdentity(t.Context(), "credential:"+name, keyUnlock{}); !hint.Is(err, "no_credential") {
			t.Errorf("%q: %v", name, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := a.readIdentity(t.Context(), "credential:recovery", keyUnlock{}); !hint.Is(err, "no_credential") {
		t.Error(err)
	}
}

// Each way of not opening a sealed key has its own advice.
func TestSealedErrorsHaveCodes(t *testing.T) {
	for code, err := range map[hint.Code]error{
		"identity_weak": &crypto.WeakSealError{Kind: "X25519"}, "identity_guessable": &crypto.WorkFactorError{Factor: 10},
		"identity_heavy": &crypto.WorkFactorError{Factor: 30}, "identity_plugin_missing": &crypto.PluginError{Name: "x", Missing: true},
		"identity_plugin_failed": &crypto.PluginError{Name: "x"}, "identity_passphrase": crypto.ErrWrongPassphrase,
		"identity_needs_plugin": crypto.ErrNoPlugin, "identity_other_key": crypto.ErrNoMatch, "identity_damaged": crypto.ErrBroken,
	} {
		if got := sealedError("FILE", err); !hint.Is(got, code) || !errors.Is(got, err) {
			t.Errorf("%v, want %s", got, code)
		}
	}
}
