package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/sources"
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
