package config_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// Every code has its sentences, the English one being the one of Error.
func TestCodesHaveSentences(t *testing.T) {
	en, zh := i18n.For(i18n.English), i18n.For(i18n.Chinese)
	for _, code := range config.Codes() {
		key := "config." + string(code)
		if want := (&config.Error{Code: code}).Error(); en.Say(key) != want {
			t.Errorf("%s\ncatalogue %s\nconfig    %s", key, en.Say(key), want)
		}
		if !zh.Has(key) {
			t.Errorf("%s has no Chinese", key)
		}
	}
}

// What config accepts as a name, sources does too, and the other way round.
func TestNamesAreThoseOfSources(t *testing.T) {
	for _, name := range []string{
		"a", "A.b_c-9", "聊天", "...", "-x", ".", "..", "a b", "a/b", "a\\b", "a:b", "é", "e\u0301", "９", "😀", "½",
		strings.Repeat("n", 80), strings.Repeat("n", 81), strings.Repeat("聊", 27), strings.Repeat("聊", 26),
	} {
		text := "device: d\nsources: [{name: '" + name + "', folder: /a}]\nremote: local:x\n"
		_, err := config.Parse("/c.yaml", []byte(text))
		var errs config.Errors
		if want := sources.CheckName(name); (err == nil) != (want == nil) || err != nil && !errors.As(err, &errs) {
			t.Errorf("%q: config says %v, sources %v", name, err, want)
		}
	}
}

// What config accepts as a category, the profiles know, and both languages have
// a name for it.
func TestCategoriesAreThoseOfProfiles(t *testing.T) {
	var want []config.Category
	for _, c := range profile.Categories() {
		want = append(want, config.Category(c.Name))
		for _, lang := range i18n.Languages() {
			if !i18n.For(lang).Has("category." + c.Name) {
				t.Errorf("%s has no name in %s", c.Name, lang)
			}
		}
	}
	if got := config.Categories(); !slices.Equal(got, want) {
		t.Errorf("config accepts %q, profiles have %q", got, want)
	}
}

// What config accepts as an app, there is a profile for, and the other way
// round.
func TestAppsAreThoseOfProfiles(t *testing.T) {
	want := map[string]bool{}
	for _, p := range profile.Builtin() {
		want[p.App], want[p.Name] = true, true
	}
	for _, app := range config.Apps() {
		if !want[app] {
			t.Errorf("there is no profile for %s", app)
		}
		delete(want, app)
	}
	if len(want) > 0 {
		t.Errorf("config doesn't accept %v", want)
	}
}

// A profile in the configuration is one of package profile, key by key.
func TestProfilesAreThoseOfSources(t *testing.T) {
	var compare func(mine, theirs reflect.Type)
	compare = func(mine, theirs reflect.Type) {
		var keys, want []string
		for i := range mine.NumField() {
			keys = append(keys, mine.Field(i).Tag.Get("yaml"))
		}
		for i := range theirs.NumField() {
			if f := theirs.Field(i); f.IsExported() {
				want = append(want, f.Tag.Get("yaml"))
				if own, ok := mine.FieldByName(f.Name); ok && inside(own.Type).Kind() == reflect.Struct {
					compare(inside(own.Type), inside(f.Type))
				}
			}
		}
		cut := func(list []string) {
			for i, tag := range list {
				list[i], _, _ = strings.Cut(tag, ",")
			}
			slices.Sort(list)
		}
		cut(keys)
		cut(want)
		if !slices.Equal(keys, want) {
			t.Errorf("%s: config has %q, package profile %q", mine.Name(), keys, want)
		}
	}
	compare(reflect.TypeFor[config.Profile](), reflect.TypeFor[profile.Profile]())
}

func inside(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}

// What config accepts as a remote's type, providers can open, and the other
// way round.
func TestRemoteTypesAreThoseOfProviders(t *testing.T) {
	var types []string
	for _, typ := range config.RemoteTypes() {
		types = append(types, string(typ))
	}
	if want := providers.Types(); !slices.Equal(types, want) {
		t.Errorf("config accepts %q, providers opens %q", types, want)
	}
}
