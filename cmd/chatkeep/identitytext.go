package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/hint"
)

const (
	keyPrefix    = "AGE-SECRET-KEY-PQ-1"
	keyLength    = 77 // of a key's text
	pluginPrefix = "AGE-PLUGIN-"
	armorBegin   = "-----BEGIN AGE ENCRYPTED FILE-----"
	armorEnd     = "-----END AGE ENCRYPTED FILE-----"
)

// What is wrong with the text of a key. None of these quotes it.
var (
	errNoKey       = errors.New("no key is in it")
	errTwoKeys     = errors.New("a key stands beside the sealed one")
	errPluginAlone = errors.New("it names an age plugin, but holds no key sealed for it")
)

// lengthError: the text begins like a key but has another length.
type lengthError struct{ count int }

func (e *lengthError) Error() string {
	return fmt.Sprintf("the key has %d characters, not %d", e.count, keyLength)
}

// letterError: a letter of the key is wrong, or several. If it is one, or two
// neighbours that changed places, at is where, from 0; else it is -1.
type letterError struct{ at int }

func (*letterError) Error() string { return "the letters of the key don't fit together" }

// place is the row and the group on the recovery sheet, from 1.
func (e *letterError) place() (row, group int) {
	n := (e.at - len(keyPrefix)) / groupLength
	return n/rowGroups + 2, n%rowGroups + 1
}

// weakKeyError: a key of a kind that does not withstand quantum computers.
type weakKeyError struct{ kind string }

func (e *weakKeyError) Error() string { return "it is a key of the kind " + e.kind }

// keyFile is a file with a key, taken apart.
type keyFile struct {
	sealed  []byte   // an age file
	plugins []string // identities of plugins
	lines   []string // the rest, without comments
}

// parseKeyFile takes a file apart: an age file as it is, or text with any of
// an armored age file, lines for plugins and a key.
func parseKeyFile(b []byte) (f keyFile) {
	text := string(bytes.TrimPrefix(b, []byte("\ufeff")))
	begin := strings.Index(text, armorBegin)
	switch {
	case begin >= 0:
		rest := text[begin:]
		end := len(rest)
		if i := strings.Index(rest, armorEnd); i >= 0 {
			end = i + len(armorEnd)
		}
		f.sealed, text = []byte(rest[:end]), text[:begin]+"\n"+rest[end:]
	case crypto.IsWrapped(b):
		f.sealed, text = b, ""
	}
	for line := range strings.Lines(text) {
		line = strings.ToUpper(strings.TrimSpace(line))
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, pluginPrefix):
			f.plugins = append(f.plugins, line)
		default:
			f.lines = append(f.lines, line)
		}
	}
	return f
}

// identity returns the key that the text is: the first line, or all of them
// together, as they are copied from paper.
func (f keyFile) identity() (*crypto.Identity, error) {
	switch {
	case len(f.lines) == 0 && len(f.plugins) > 0:
		return nil, errPluginAlone
	case len(f.lines) == 0:
		return nil, errNoKey
	}
	if id, err := crypto.ParseIdentity(tidyKey(f.lines[0])); err == nil {
		return id, nil
	}
	first := f.lines[0]
	switch {
	case strings.HasPrefix(first, "AGE-SECRET-KEY-1"):
		return nil, &weakKeyError{"X25519"}
	case strings.HasPrefix(first, "-----BEGIN ") && strings.Contains(first, "PRIVATE KEY"):
		return nil, &weakKeyError{"SSH"}
	}
	text := tidyKey(strings.Join(f.lines, ""))
	id, err := crypto.ParseIdentity(text)
	switch {
	case err == nil:
		return id, nil
	case !strings.HasPrefix(text, keyPrefix) || len(text) < keyLength/2:
		return nil, errNoKey
	case len(text) != keyLength:
		return nil, &lengthError{len(text)}
	}
	return nil, &letterError{misread(text)}
}

// keyLetters are those a key is made of after its beginning.
const keyLetters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

// misread returns the place of the one letter that, read differently, makes
// text a key, or of the first of two that changed places; -1 if there is none.
// The checksum in a key tells any four wrong letters, so what fits is no
// chance.
func misread(text string) int {
	fits := func(try []byte) bool {
		_, err := crypto.ParseIdentity(string(try))
		return err == nil
	}
	for at := len(keyPrefix); at < len(text); at++ {
		try := []byte(text)
		for _, letter := range []byte(keyLetters) {
			if try[at] = letter; fits(try) {
				return at
			}
		}
		if try = []byte(text); at+1 < len(text) {
			try[at], try[at+1] = try[at+1], try[at]
			if fits(try) {
				return at
			}
		}
	}
	return -1
}

// unseen are letters that no key has after its beginning, and what was meant.
var unseen = strings.NewReplacer("O", "0", "I", "L", "1", "L")

// tidyKey undoes what happens to a key on its way over paper: lower case, spaces
// and dashes between its groups, letters taken for others.
func tidyKey(text string) string {
	bare := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(text))
	rest, ok := strings.CutPrefix(bare, strings.ReplaceAll(keyPrefix, "-", ""))
	if !ok {
		return bare
	}
	return keyPrefix + unseen.Replace(rest)
}

// atKey attaches what to do about the text of a key.
func atKey(path string, err error) error {
	text := fmt.Errorf("read key %s: %w", path, err)
	if e, ok := errors.AsType[*lengthError](err); ok {
		return hint.New("key_length", text, "path", path, "have", e.count, "want", keyLength)
	}
	if e, ok := errors.AsType[*letterError](err); ok && e.at >= 0 {
		row, group := e.place()
		return hint.New("key_letter", text, "path", path, "row", row, "group", group)
	} else if ok {
		return hint.New("key_letters", text, "path", path)
	}
	if e, ok := errors.AsType[*weakKeyError](err); ok {
		return hint.New("key_weak", text, "path", path, "kind", e.kind)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errPluginAlone):
		return hint.New("identity_plugin_alone", text, "path", path)
	}
	return hint.New("bad_key", text, "path", path)
}
