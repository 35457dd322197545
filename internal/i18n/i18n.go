// Package i18n says things in the user's language: English or Simplified
// Chinese.
//
// Every sentence has a key, such as "status.all_good", and stands once in
// messages/en.yaml and once in messages/zh-CN.yaml. To add one, add a line to
// both files; the tests tell what is missing. A sentence takes values by name
// in braces, {path}, and may have a form for one and a form for several:
//
//	backup.files:
//	  one: "{count} file"
//	  other: "{count} files"
//
// Two keys belong to every hint code: error.<code> says what happened and
// hint.<code> what to do.
//
// Only cmd/chatkeep and daemon/web import this package. Everything below
// emits codes and values, never sentences.
package i18n

import (
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

// The languages, as they are written in --lang and CHATKEEP_LANG.
const (
	English = "en"
	Chinese = "zh-CN"
)

// Languages lists them, the default first.
func Languages() []string { return []string{English, Chinese} }

//go:embed messages
var messages embed.FS

var catalogue = load()

// book is the catalogue of both languages.
type book struct {
	bundle *goi18n.Bundle
	keys   map[string]map[string]*goi18n.Message // language, key
}

// load reads the embedded files. A mistake in them stops the program at once,
// and so every test.
func load() book {
	b := book{goi18n.NewBundle(language.English), map[string]map[string]*goi18n.Message{}}
	b.bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	for _, lang := range Languages() {
		name := "messages/" + lang + ".yaml"
		file, err := b.bundle.LoadMessageFileFS(messages, name)
		if err != nil {
			panic(fmt.Sprintf("i18n: %s: %v", name, err))
		}
		b.keys[lang] = map[string]*goi18n.Message{}
		for _, m := range file.Messages {
			b.keys[lang][m.ID] = m
		}
	}
	return b
}

// Keys returns all keys, sorted.
func Keys() []string {
	return slices.Sorted(maps.Keys(catalogue.keys[English]))
}

// Printer says things in one language. The zero Printer speaks English. It
// may be used concurrently.
type Printer struct {
	lang string
	loc  *goi18n.Localizer
}

// For returns the printer for a language as [Match] returns it; anything else
// is English.
func For(lang string) Printer {
	if lang != Chinese {
		lang = English
	}
	return Printer{lang, goi18n.NewLocalizer(catalogue.bundle, lang)}
}

// Lang returns the printer's language, "en" or "zh-CN".
func (p Printer) Lang() string {
	if p.loc == nil {
		return English
	}
	return p.lang
}

// Has reports whether there is a sentence under key.
func (p Printer) Has(key string) bool {
	return catalogue.keys[p.Lang()][key] != nil
}

// Say returns the sentence under key with its values put in. The values are
// pairs of a name and a value, or one map[string]any:
//
//	p.Say("backup.done", "count", n, "remote", r)
//	p.Say("hint."+string(e.Code), e.Args)
//
// The value named count, if it is an integer, chooses between one and
// several. A []string is joined as the language does it. A key without a
// sentence comes back as ⟨key⟩, and a value that is missing leaves its
// {name} standing.
func (p Printer) Say(key string, values ...any) string {
	if p.loc == nil {
		p = For(English)
	}
	if !p.Has(key) {
		return "⟨" + key + "⟩"
	}
	args := arguments(values)
	cfg := &goi18n.LocalizeConfig{
		MessageID:      key,
		TemplateData:   p.texts(args),
		TemplateParser: braces{},
	}
	if count, ok := args["count"]; ok && isInteger(count) {
		cfg.PluralCount = count
	}
	text, err := p.loc.Localize(cfg)
	if err != nil {
		return "⟨" + key + "⟩"
	}
	return text
}

func arguments(values []any) map[string]any {
	if len(values) == 1 {
		if m, ok := values[0].(map[string]any); ok {
			return m
		}
	}
	args := map[string]any{}
	for i := 0; i+1 < len(values); i += 2 {
		args[fmt.Sprint(values[i])] = values[i+1]
	}
	return args
}

// isInteger reports whether the plural rules understand v.
func isInteger(v any) bool {
	switch v.(type) {
	case int, int8, int16, int32, int64:
		return true
	}
	return false
}

// texts turns values into the words of p's language.
func (p Printer) texts(args map[string]any) map[string]string {
	texts := make(map[string]string, len(args))
	for name, v := range args {
		if list, ok := v.([]string); ok {
			texts[name] = strings.Join(list, p.comma())
			continue
		}
		texts[name] = fmt.Sprint(v)
	}
	return texts
}

func (p Printer) comma() string {
	if p.lang == Chinese {
		return "、"
	}
	return ", "
}

// placeholder matches the name of a value in a sentence. Other braces mean
// themselves.
var placeholder = regexp.MustCompile(`\{[a-z][a-z0-9_]*\}`)

// braces is the template language of the message files.
type braces struct{}

func (braces) Cacheable() bool { return true }

func (braces) Parse(src, _, _ string) (template.ParsedTemplate, error) {
	return sentence(src), nil
}

type sentence string

func (s sentence) Execute(data any) (string, error) {
	texts, _ := data.(map[string]string)
	return placeholder.ReplaceAllStringFunc(string(s), func(name string) string {
		if text, ok := texts[name[1:len(name)-1]]; ok {
			return text
		}
		return name
	}), nil
}
