package crypto

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"filippo.io/age/plugin"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/crypto/cryptotest"
	"github.com/chatkeep/chatkeep/internal/needs"
)

// TestMain lets the tests run this very program as age plugins.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"age-plugin-softtag": cryptotest.PluginMain, "age-plugin-softpq": cryptotest.PluginMain})
}

// owner answers whatever is asked, and remembers it.
type owner struct {
	t          *testing.T
	passphrase string
	pin        string
	no         bool
	refuses    error
	heard      []string
}

func (o *owner) unlock(plugins ...string) Unlock {
	return Unlock{
		Passphrase: func(context.Context) (string, error) {
			o.heard = append(o.heard, "passphrase?")
			return o.passphrase, o.refuses
		},
		Plugins: plugins,
		Person: Person{
			Tell: func(plugin, message string) { o.heard = append(o.heard, plugin+": "+message) },
			Ask: func(_ context.Context, plugin, prompt string, secret bool) (string, error) {
				if !secret {
					o.t.Errorf("%s was asked for in the open", prompt)
				}
				o.heard = append(o.heard, plugin+": "+prompt+"?")
				return o.pin, o.refuses
			},
			Confirm: func(_ context.Context, plugin, prompt, yes, no string) (bool, error) {
				o.heard = append(o.heard, plugin+": "+prompt+"? "+yes+"/"+no)
				return !o.no, o.refuses
			},
		},
	}
}

func sealTo(t *testing.T, plain string, to ...string) []byte {
	t.Helper()
	file, err := cryptotest.Seal([]byte(plain), to...)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func armored(t *testing.T, file []byte) []byte {
	t.Helper()
	text, err := cryptotest.Armor(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newToken(t *testing.T) (identity, recipient string) {
	t.Helper()
	identity, recipient, err := cryptotest.NewToken()
	if err != nil {
		t.Fatal(err)
	}
	return identity, recipient
}

// ranFile returns a file that is there once a plugin has run.
func ranFile(t *testing.T) (ran func() bool) {
	path := filepath.Join(t.TempDir(), "ran")
	t.Setenv(cryptotest.RanFile, path)
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}

func TestWrappedWithAPassphrase(t *testing.T) {
	file := sealTo(t, "inside", "scrypt:17")
	for _, f := range [][]byte{file, armored(t, file), append([]byte("\n "), armored(t, file)...)} {
		o := &owner{t: t, passphrase: cryptotest.Passphrase}
		if text, err := OpenWrapped(t.Context(), f, o.unlock()); err != nil || string(text) != "inside" || !IsWrapped(f) {
			t.Errorf("%q %v", text, err)
		}
	}
	refuses := errors.New("no")
	for _, c := range []struct {
		o    owner
		want error
	}{
		{owner{passphrase: "wrong"}, ErrWrongPassphrase},
		{owner{}, ErrWrongPassphrase},
		{owner{passphrase: cryptotest.Passphrase, refuses: refuses}, refuses},
	} {
		if _, err := OpenWrapped(t.Context(), file, c.o.unlock()); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

// A passphrase takes 128 MiB and more for a moment, and leaves nothing of that.
func TestPassphraseGivesItsMemoryBack(t *testing.T) {
	o := &owner{t: t, passphrase: cryptotest.Passphrase}
	if _, err := OpenWrapped(t.Context(), sealTo(t, "inside", "scrypt:17"), o.unlock()); err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if held := m.HeapSys - m.HeapReleased; held > 64<<20 {
		t.Errorf("%d MiB are held afterwards", held>>20)
	}
}

// What the stock program makes for a token is opened.
func TestWrappedByStockAge(t *testing.T) {
	age := needs.Age(t)
	token, recipient := newToken(t)
	cmd := exec.Command(age, "-r", recipient)
	cmd.Stdin = strings.NewReader("inside")
	file, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{t: t, pin: cryptotest.PIN}
	if text, err := OpenWrapped(t.Context(), file, o.unlock(token)); err != nil || string(text) != "inside" {
		t.Errorf("%q %v", text, err)
	}
}

func TestWrappedByAPlugin(t *testing.T) {
	token, recipient := newToken(t)
	other, _ := newToken(t)
	key := identity(t).String()
	stranger := identity(t).String()
	asks := []string{"softtag: touch the token", "softtag: PIN of the token?"}
	for _, c := range []struct {
		name    string
		to      []string
		plugins []string
		heard   []string
	}{
		{"tagged", []string{recipient}, []string{token}, asks},
		{"one of two", []string{"hybrid", recipient}, []string{token}, asks},
		{"the second plugin", []string{recipient}, []string{other, token}, slices.Concat(asks, asks)},
		{"hybrid", []string{key}, []string{cryptotest.Hold(key)}, []string{"softpq: Use the key in this program? use it/leave it"}},
	} {
		o := &owner{t: t, pin: cryptotest.PIN}
		text, err := OpenWrapped(t.Context(), sealTo(t, "inside", c.to...), o.unlock(c.plugins...))
		if err != nil || string(text) != "inside" || !slices.Equal(o.heard, c.heard) {
			t.Errorf("%s: %q %v, heard %q", c.name, text, err, o.heard)
		}
	}
	file := sealTo(t, "inside", recipient)
	if _, err := OpenWrapped(t.Context(), file, (&owner{t: t}).unlock()); !errors.Is(err, ErrNoPlugin) {
		t.Errorf("without a plugin: %v", err)
	}
	o := &owner{t: t, pin: cryptotest.PIN}
	if _, err := OpenWrapped(t.Context(), file, o.unlock(other)); !errors.Is(err, ErrNoMatch) {
		t.Errorf("another token: %v", err)
	}
	if _, err := OpenWrapped(t.Context(), sealTo(t, "inside", stranger), o.unlock(cryptotest.Hold(key))); !errors.Is(err, ErrNoMatch) {
		t.Errorf("another key: %v", err)
	}
}

func TestPluginErrorsQuoteNoSecret(t *testing.T) {
	token, recipient := newToken(t)
	file := sealTo(t, "inside", recipient)
	refuses := errors.New("no")
	for _, c := range []struct {
		name    string
		o       owner
		plugin  string
		missing bool
		says    string
	}{
		{"wrong PIN", owner{pin: "13579"}, token, false, "age-plugin-softtag: PIN … does not open AGE-…"},
		{"no such plugin", owner{}, plugin.EncodeIdentity("nowhere", []byte("x")), true, "age-plugin-nowhere: there is no such program"},
		{"malformed", owner{}, token[:len(token)-1] + "q", false, "age-plugin-?: its identity is malformed"},
	} {
		c.o.t = t
		_, err := OpenWrapped(t.Context(), file, c.o.unlock(c.plugin))
		e, ok := errors.AsType[*PluginError](err)
		if !ok || e.Missing != c.missing || e.Error() != c.says {
			t.Errorf("%s: %v, want %s", c.name, err, c.says)
		}
	}
	o := &owner{t: t, refuses: refuses}
	if _, err := OpenWrapped(t.Context(), file, o.unlock(token)); !errors.Is(err, refuses) {
		t.Errorf("a question nobody answers: %v", err)
	}
	o = &owner{t: t, no: true}
	key := identity(t).String()
	if _, err := OpenWrapped(t.Context(), sealTo(t, "inside", key), o.unlock(cryptotest.Hold(key))); err == nil || !strings.Contains(err.Error(), "not used") {
		t.Errorf("said no: %v", err)
	}
}

// Nobody is asked and nothing is run for a file that is sealed too weakly, also
// if what opens it stands beside.
func TestWeakWrappersAreRefused(t *testing.T) {
	ran := ranFile(t)
	token, recipient := newToken(t)
	for _, c := range []struct {
		to   []string
		kind string
	}{
		{[]string{"x25519"}, "X25519"},
		{[]string{"ssh-ed25519"}, "ssh-ed25519"},
		{[]string{"p256tag"}, "p256tag"},
		{[]string{"piv-p256"}, "piv-p256"},
		{[]string{"stranger"}, "stranger"},
		{[]string{recipient, "x25519"}, "X25519"},
		{[]string{"x25519", recipient}, "X25519"},
		{[]string{"hybrid", recipient, "p256tag"}, "p256tag"},
		{[]string{"scrypt:21", "x25519"}, "X25519"},
	} {
		for _, file := range [][]byte{sealTo(t, "inside", c.to...), armored(t, sealTo(t, "inside", c.to...))} {
			o := &owner{t: t, passphrase: cryptotest.Passphrase, pin: cryptotest.PIN}
			_, err := OpenWrapped(t.Context(), file, o.unlock(token))
			if e, ok := errors.AsType[*WeakSealError](err); !ok || e.Kind != c.kind || len(o.heard) > 0 {
				t.Errorf("%v: %v, heard %q", c.to, err, o.heard)
			}
		}
	}
	if ran() {
		t.Error("a plugin was run")
	}
}

func TestWorkFactorIsBounded(t *testing.T) {
	for text, want := range map[string]error{
		"10": &WorkFactorError{10}, "16": &WorkFactorError{16}, "23": &WorkFactorError{23}, "30": &WorkFactorError{30},
		"0": &WorkFactorError{0}, "x": ErrBroken, "99999999999999999999": ErrBroken, "-3": ErrBroken,
	} {
		o := &owner{t: t, passphrase: cryptotest.Passphrase}
		_, err := OpenWrapped(t.Context(), sealTo(t, "inside", "scrypt:"+text), o.unlock())
		work, isWork := errors.AsType[*WorkFactorError](err)
		wanted, wantsWork := errors.AsType[*WorkFactorError](want)
		if isWork != wantsWork || isWork && *work != *wanted || !isWork && !errors.Is(err, want) || len(o.heard) > 0 {
			t.Errorf("2^%s: %v, want %v, heard %q", text, err, want, o.heard)
		}
		if isWork && work.Weak() != (work.Factor < 20) {
			t.Errorf("2^%s: weak %v", text, work.Weak())
		}
	}
	o := &owner{t: t, passphrase: cryptotest.Passphrase}
	if _, err := OpenWrapped(t.Context(), sealTo(t, "inside", "scrypt:21", "hybrid"), o.unlock()); !errors.Is(err, ErrBroken) || len(o.heard) > 0 {
		t.Errorf("a passphrase and a key: %v, heard %q", err, o.heard)
	}
}

func TestBrokenWrappersAreRefused(t *testing.T) {
	file := sealTo(t, "inside", "scrypt:17")
	flipped := bytes.Clone(file)
	flipped[len(flipped)-1] ^= 1
	text := armored(t, file)
	for name, file := range map[string][]byte{
		"cut": file[:len(file)-1], "flipped": flipped, "header only": file[:40], "cut armor": text[:len(text)/2],
		"empty": {}, "text": []byte("hello"), "too long": sealTo(t, strings.Repeat("x", maxWrapped+1), "scrypt:17"),
	} {
		o := &owner{t: t, passphrase: cryptotest.Passphrase}
		if got, err := OpenWrapped(t.Context(), file, o.unlock()); !errors.Is(err, ErrBroken) || len(got) > 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestPluginName(t *testing.T) {
	token, _ := newToken(t)
	if name, ok := PluginName(token); !ok || name != cryptotest.SoftTag {
		t.Error(name, ok)
	}
	if name, ok := PluginName(identity(t).String()); ok {
		t.Error(name)
	}
}
