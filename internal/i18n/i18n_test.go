package i18n

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// forms returns a sentence's texts by plural form.
func forms(m *goi18n.Message) map[string]string {
	all := map[string]string{
		"zero": m.Zero, "one": m.One, "two": m.Two, "few": m.Few, "many": m.Many, "other": m.Other,
	}
	for form, text := range all {
		if text == "" {
			delete(all, form)
		}
	}
	return all
}

// names returns the placeholders of a text, sorted, each once.
func names(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestBothLanguagesHaveEveryKey(t *testing.T) {
	en, zh := catalogue.keys[English], catalogue.keys[Chinese]
	for key := range en {
		if zh[key] == nil {
			t.Errorf("%s is missing in zh-CN.yaml", key)
		}
	}
	for key := range zh {
		if en[key] == nil {
			t.Errorf("%s is missing in en.yaml", key)
		}
	}
}

func TestSentences(t *testing.T) {
	for lang, keys := range catalogue.keys {
		for key, m := range keys {
			if m.Other == "" {
				t.Errorf("%s: %s has no text, or no form other", lang, key)
			}
			for form, text := range forms(m) {
				checkSentence(t, lang+": "+key+" "+form, text)
			}
		}
	}
}

var (
	// braces that look as if they were meant for a value
	oddBrace = regexp.MustCompile(`\{\{|\}\}|\{[A-Za-z0-9_ ]*\}`)
	// half-width punctuation between Chinese words
	halfWidth = regexp.MustCompile(`\p{Han}[,;:!?()]`)
)

func checkSentence(t *testing.T, what, text string) {
	t.Helper()
	if strings.TrimSpace(text) != text {
		t.Errorf("%s: space at the beginning or end: %q", what, text)
	}
	for _, found := range oddBrace.FindAllString(text, -1) {
		if !placeholder.MatchString(found) {
			t.Errorf("%s: %s is no value's name; use lower case and underscores", what, found)
		}
	}
	if found := halfWidth.FindString(text); found != "" {
		t.Errorf("%s: half-width punctuation %q after a Chinese word; use ，；：！？（）", what, found)
	}
}

func TestSamePlaceholders(t *testing.T) {
	for key, en := range catalogue.keys[English] {
		want := names(en.Other)
		for _, lang := range Languages() {
			m := catalogue.keys[lang][key]
			if m == nil {
				continue // said above
			}
			for form, text := range forms(m) {
				got := names(text)
				if form == "one" { // "one file" needs no number
					got = names(text + missing(want, got, "{count}"))
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %s %s has values %q, English has %q", lang, key, form, got, want)
				}
			}
		}
	}
}

// missing returns name if it is in want but not in got.
func missing(want, got []string, name string) string {
	if slices.Contains(want, name) && !slices.Contains(got, name) {
		return name
	}
	return ""
}

func TestPluralFormsAreThoseOfTheLanguage(t *testing.T) {
	for key, m := range catalogue.keys[English] {
		f := forms(m)
		delete(f, "one")
		delete(f, "other")
		if len(f) > 0 {
			t.Errorf("en: %s has forms English doesn't have: %v", key, f)
		}
		if m.One != "" && !slices.Contains(names(m.Other), "{count}") {
			t.Errorf("en: %s has a form one, but nothing called count chooses it", key)
		}
	}
	for key, m := range catalogue.keys[Chinese] {
		if f := forms(m); len(f) > 1 {
			t.Errorf("zh-CN: %s has several forms, Chinese has one: %v", key, f)
		}
	}
}

func TestErrorsAndHintsComeInPairs(t *testing.T) {
	for _, key := range Keys() {
		if code, ok := strings.CutPrefix(key, "error."); ok && !For(English).Has("hint."+code) {
			t.Errorf("%s has no hint.%s", key, code)
		}
		if code, ok := strings.CutPrefix(key, "hint."); ok && !For(English).Has("error."+code) {
			t.Errorf("%s has no error.%s", key, code)
		}
	}
}

// Words from inside stay off the screens.
func TestNoJargon(t *testing.T) {
	jargon := regexp.MustCompile(`(?i)\b(roster|epochs?|seal(ed)?|heads?|stanza|recipients?|chunks?|blobs?)\b`)
	for key, m := range catalogue.keys[English] {
		for _, text := range forms(m) {
			if found := jargon.FindString(text); found != "" {
				t.Errorf("%s says %q", key, found)
			}
		}
	}
}

// printers returns both printers for a catalogue made of the given messages.
func printers(t *testing.T, en, zh map[string]*goi18n.Message) (Printer, Printer) {
	t.Helper()
	b := book{goi18n.NewBundle(language.English), map[string]map[string]*goi18n.Message{English: en, Chinese: zh}}
	for lang, keys := range b.keys {
		for key, m := range keys {
			m.ID = key
			b.bundle.MustAddMessages(language.Make(lang), m)
		}
	}
	real := catalogue
	catalogue = b
	t.Cleanup(func() { catalogue = real })
	return For(English), For(Chinese)
}

func TestSay(t *testing.T) {
	en, zh := printers(t,
		map[string]*goi18n.Message{
			"files": {One: "{count} file in {where}", Other: "{count} files in {where}"},
			"plain": {Other: "no values, {Literal} {a b} {{x}"},
		},
		map[string]*goi18n.Message{
			"files": {Other: "{where} 里有 {count} 个文件"},
			"plain": {Other: "没有值"},
		})
	tests := []struct{ got, want string }{
		{en.Say("files", "count", 1, "where", "/a"), "1 file in /a"},
		{en.Say("files", "count", 0, "where", "/a"), "0 files in /a"},
		{en.Say("files", "count", int64(2), "where", "/a"), "2 files in /a"},
		{en.Say("files", map[string]any{"count": 1, "where": "/a"}), "1 file in /a"},
		{en.Say("files", "count", "many", "where", "/a"), "many files in /a"},
		{en.Say("files", "count", -1, "where", "/a"), "-1 file in /a"},
		{zh.Say("files", "count", 1, "where", "/a"), "/a 里有 1 个文件"},
		{zh.Say("files", "count", 5, "where", []string{"甲", "乙"}), "甲、乙 里有 5 个文件"},
		{en.Say("files", "count", 5, "where", []string{"a", "b"}), "5 files in a, b"},
		{en.Say("files", "count", 5), "5 files in {where}"},
		{en.Say("files", "where", "{count}", "count", 5), "5 files in {count}"},
		{en.Say("files", "count"), "{count} files in {where}"},
		{en.Say("plain"), "no values, {Literal} {a b} {{x}"},
		{en.Say("plain", map[string]any(nil)), "no values, {Literal} {a b} {{x}"},
		{en.Say("no.such"), "⟨no.such⟩"},
		{Printer{}.Say("files", "count", 1, "where", "/a"), "1 file in /a"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestHasAndKeys(t *testing.T) {
	for _, p := range []Printer{{}, For("en"), For("zh-CN"), For("fr")} {
		if !p.Has("error.wrong_key") || p.Has("error.no_such_code") || p.Has("") {
			t.Errorf("%s: Has is wrong", p.Lang())
		}
	}
	keys := Keys()
	if !slices.IsSorted(keys) || !slices.Contains(keys, "hint.wrong_key") {
		t.Errorf("keys %q", keys)
	}
	langs := []string{For("en").Lang(), For("zh-CN").Lang(), For("").Lang(), Printer{}.Lang()}
	if !reflect.DeepEqual(langs, []string{"en", "zh-CN", "en", "en"}) {
		t.Errorf("languages %q", langs)
	}
}

func TestSayConcurrently(t *testing.T) {
	p := For(Chinese)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, key := range Keys() {
				if text := p.Say(key, "path", "/x"); strings.HasPrefix(text, "⟨") {
					t.Errorf("%s: %s", key, text)
				}
			}
		})
	}
	wg.Wait()
}
