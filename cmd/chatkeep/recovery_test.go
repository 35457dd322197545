package main

import (
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/i18n"
	wordlist "github.com/chatkeep/chatkeep/internal/words"
)

var printedKey = regexp.MustCompile(`(?s)<div class="key">(.*?)</div>`)

// printedRows are the rows of the key as somebody reads them off the page.
func printedRows(page string) []string {
	found := printedKey.FindStringSubmatch(page)
	if found == nil {
		return nil
	}
	return strings.Split(html.UnescapeString(found[1]), "\n")
}

// typeRows types the rows of a printed key, in small letters.
func typeRows(ts *testscript.TestScript, _ bool, args []string) {
	rows := printedRows(ts.ReadFile(args[0]))
	if len(rows) != 4 {
		ts.Fatalf("%d rows of a key on %s", len(rows), args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ToLower(strings.Join(rows, "\n"))+"\n"), 0o600))
}

// untold looks for the key that was typed as rows say, whole or in part, in
// files and folders.
func untold(ts *testscript.TestScript, _ bool, args []string) {
	key := tidyKey(ts.ReadFile(args[0]))
	if len(key) != keyLength {
		ts.Fatalf("%s holds no key", args[0])
	}
	looked := 0
	for _, root := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			looked++
			told(ts, path, ts.ReadFile(path), key)
			return nil
		}))
	}
	if looked < len(args)-1 {
		ts.Fatalf("only %d files were looked at", looked)
	}
}

// told fails if text holds a group of the key, as it is or as it is typed.
func told(ts *testscript.TestScript, name, text, key string) {
	text = strings.ToUpper(text)
	secret := strings.TrimPrefix(key, keyPrefix)
	for i := 0; i+12 <= len(secret); i += 4 {
		for _, part := range []string{secret[i : i+12], secret[i:i+4] + " " + secret[i+4:i+8] + " " + secret[i+8:i+12]} {
			if strings.Contains(text, part) {
				ts.Fatalf("%s holds a part of the key", name)
			}
		}
	}
}

func aSheet(t *testing.T) sheet {
	t.Helper()
	id, err := crypto.ParseIdentity(aKey)
	if err != nil {
		t.Fatal(err)
	}
	var v [11]byte
	return sheet{Rows: keyRows(id.String()), QR: picture(id.String()), Remote: "drive:chat keep", Restore: "chatkeep restore", Recover: "chatkeep recover", Without: "recover.py",
		Login: "chatkeep remote login --remote 'drive:chat keep'", Options: []string{"url=https://dav.example/<x>"},
		Words:   []string{strings.Join(wordlist.Say(v, "en"), " "), strings.Join(wordlist.Say(v, "zh-CN"), " ")},
		Devices: []string{"书房", "<script>alert(1)</script>"}, Date: time.Now().Format(time.DateOnly), Program: "chatkeep 1", Format: 1}
}

// The page has the key as text and as a code, says everything in both
// languages, and fetches nothing.
func TestSheet(t *testing.T) {
	for _, lang := range i18n.Languages() {
		b, err := aSheet(t).page(lang)
		if err != nil {
			t.Fatal(err)
		}
		page := string(b)
		if rows := printedRows(page); tidyKey(strings.Join(rows, "")) != aKey {
			t.Errorf("%s: the key can't be read from %q", lang, rows)
		}
		if got := scan(t, fromSVG(t, page)); got != aKey {
			t.Errorf("%s: the code says something else", lang)
		}
		if !strings.HasPrefix(page, "<!DOCTYPE html>\n<html lang=\""+lang+"\">") {
			t.Errorf("%s does not come first", lang)
		}
		for _, key := range i18n.Keys() {
			if name, ok := strings.CutPrefix(key, "sheet."); ok && name != "step.folder" {
				for _, l := range i18n.Languages() {
					if text := i18n.For(l).Say(key); !strings.Contains(html.UnescapeString(page), text) {
						t.Errorf("%s: %s is not said in %s", lang, key, l)
					}
				}
			}
		}
		for _, bad := range []string{"⟨", "<script", "<x>", " src=", "url(", "@import", "<link", "<img", "javascript:"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page holds %s", lang, bad)
			}
		}
		if !strings.Contains(page, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
			t.Errorf("%s: the page does not forbid the network", lang)
		}
	}
}

// The command that signs in names what the place needs, and no secret.
func TestLoginCommand(t *testing.T) {
	for _, c := range []struct {
		where   config.Remote
		login   string
		options []string
	}{
		{config.Remote{Type: "local", Folder: "/x"}, "", nil},
		{config.Remote{Type: "drive", Folder: "chatkeep"}, "chatkeep remote login --remote REMOTE", nil},
		{config.Remote{Type: "webdav", Options: map[string]string{"vendor": "other", "url": "https://dav.example/a b", "pass": "hunter2"}},
			"chatkeep remote login --remote REMOTE --option 'url=https://dav.example/a b' --option vendor=other", []string{"url=https://dav.example/a b", "vendor=other"}},
		{config.Remote{Type: "webdav", Options: map[string]string{"url": "https://li:hunter2@dav.example"}}, "chatkeep remote login --remote REMOTE", nil},
	} {
		if login, options := loginCommand(c.where, "REMOTE"); login != c.login || !slices.Equal(options, c.options) {
			t.Errorf("%v: %s, %q", c.where.Type, login, options)
		}
	}
}

func TestKeyRows(t *testing.T) {
	want := []string{"AGE-SECRET-KEY-PQ-1", "3H3U Y93H 8EK4 0PVP U0C0", "3XKM XYL3 ETF9 U7TP 3MHM", "NZCA KPAS 07RS 456G HW"}
	if got := keyRows(aKey); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestShellWord(t *testing.T) {
	for value, want := range map[string]string{
		"drive:chatkeep": "drive:chatkeep", "local:/media/a b": "'local:/media/a b'", "": "''", "it's": `'it'\''s'`,
		"书房:备份": "书房:备份", "a;rm -rf": "'a;rm -rf'", "$HOME": "'$HOME'", "a\\b": `'a\b'`,
	} {
		if got := shellWord(value); got != want {
			t.Errorf("%q became %s, want %s", value, got, want)
		}
	}
}

// The fact that a key was tested is bound to it: a new key is to be tested too,
// and so is a damaged file's.
func TestTestedIsBoundToTheKey(t *testing.T) {
	s := newSession(t)
	if _, notes, code := s.run("init", "--folder", s.path("chats"), "--remote", "local:"+s.path("remote"), "--recovery", s.path("key")); code != 0 {
		t.Fatal(notes)
	}
	reminded := func() bool {
		out, _, _ := s.run("status")
		return strings.Contains(out, "Nobody has tried yet")
	}
	if !reminded() {
		t.Error("status does not remind")
	}
	if out, notes, code := s.run("recovery", "test", "--identity", s.path("key")); code != 0 || !strings.Contains(out, "no backup yet") {
		t.Fatal(code, out, notes)
	}
	if reminded() {
		t.Error("status reminds although it was tested")
	}
	path := s.path("state", "recovery-tested.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"another key":        regexp.MustCompile(`"words": "..`).ReplaceAllString(string(good), `"words": "zz`),
		"another repository": regexp.MustCompile(`"repository": "..`).ReplaceAllString(string(good), `"repository": "zz`),
		"damaged":            "{", "empty": "",
	} {
		s.write("state/recovery-tested.json", content)
		if !reminded() {
			t.Errorf("%s: status does not remind", name)
		}
	}
	if _, notes, code := s.run("recovery", "test", "--identity", s.path("key")); code != 0 || reminded() {
		t.Error("tested again, it still reminds", notes)
	}
}
