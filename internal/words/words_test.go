package words

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// What is printed must stay readable, so the lists are the published ones for
// ever.
func TestListsAreThoseOfBIP39(t *testing.T) {
	for _, c := range []struct{ lang, text, sum string }{
		{"en", english, "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"},
		{"zh-CN", chinese, "5c5942792bd8340cb8b27cd592f1015edf56a8c5b26276ee18a482428e7c5726"},
	} {
		sum := sha256.Sum256([]byte(c.text))
		if hex.EncodeToString(sum[:]) != c.sum || len(lists[c.lang]) != 1<<bits {
			t.Errorf("%s: %d words, %x", c.lang, len(lists[c.lang]), sum)
		}
	}
	begins := map[string]bool{}
	for _, w := range lists["en"] {
		begins[w[:min(len(w), prefix)]] = true
	}
	if len(begins) != 1<<bits {
		t.Errorf("%d beginnings of %d words", len(begins), 1<<bits)
	}
}

func TestSay(t *testing.T) {
	var low, high [11]byte
	low[10] = 1
	for i := range high {
		high[i] = 0xff
	}
	for _, c := range []struct {
		v    [11]byte
		lang string
		want string
	}{
		{[11]byte{}, "en", "abandon abandon abandon abandon abandon abandon abandon abandon"},
		{low, "en", "abandon abandon abandon abandon abandon abandon abandon ability"},
		{low, "fr", "abandon abandon abandon abandon abandon abandon abandon ability"},
		{high, "en", "zoo zoo zoo zoo zoo zoo zoo zoo"},
		{low, "zh-CN", "的 的 的 的 的 的 的 一"},
		{high, "zh-CN", "歇 歇 歇 歇 歇 歇 歇 歇"},
		{[11]byte{0x00, 0x20, 0x08, 0x01, 0x80, 0x40, 0x0a, 0x01, 0x80, 0x38, 0x08}, "en", "ability able about above absent absorb abstract absurd"},
		{[11]byte{0x00, 0x20, 0x08, 0x01, 0x80, 0x40, 0x0a, 0x01, 0x80, 0x38, 0x08}, "zh-CN", "一 是 在 不 了 有 和 人"},
	} {
		if got := strings.Join(Say(c.v, c.lang), " "); got != c.want {
			t.Errorf("%x in %s: %s, want %s", c.v, c.lang, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	want := [11]byte{0x00, 0x20, 0x08, 0x01, 0x80, 0x40, 0x0a, 0x01, 0x80, 0x38, 0x08}
	for _, text := range []string{
		"ability able about above absent absorb abstract absurd",
		" Ability,ABLE, about - above;\nabsent absorb\tabstract. absurd\r\n",
		"abil able abou abov abse abso abst absu",
		"abili able about above absen absorb abstrac absurd",
		"ability-able-about-above-absent-absorb-abstract-absurd",
		"ａｂｉｌｉｔｙ　ａｂｌｅ，about above absent absorb abstract absurd",
		"一是在不了有和人",
		"一 是 在 不 了 有 和 人",
		"一、是、在、不；了，有。和\n人",
		"一是在不 absent absorb 和人",
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %x %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, count := range map[string]int{
		"": 0, " - ,": 0, "able": 1, "able able able able able able able": 7,
		"able able able able able able able able able": 9, "一是在不了有和": 7, strings.Repeat("一", 9): 9,
	} {
		_, err := Parse(text)
		if e, ok := errors.AsType[*CountError](err); !ok || e.Count != count {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct {
		text string
		want UnknownError
	}{
		{"able abuot about above absent absorb abstract absurd", UnknownError{2, "abuot", "about"}},
		{"able able able able able able able zooo", UnknownError{8, "zooo", "zoo"}},
		{"able able able abl", UnknownError{4, "abl", "able"}},
		{"abilito able about above absent absorb abstract absurd", UnknownError{1, "abilito", "ability"}},
		{"一是在不了有和龘", UnknownError{8, "龘", ""}},
		{"able " + strings.Repeat("x", 1000), UnknownError{2, strings.Repeat("x", 1000), ""}},
	} {
		_, err := Parse(c.text)
		if e, ok := errors.AsType[*UnknownError](err); !ok || e.Position != c.want.Position || e.Word != c.want.Word || e.Nearest != c.want.Nearest {
			t.Errorf("%q: %+v, want %+v", c.text, err, c.want)
		}
	}
}

// Every word is read for what it says, whole and cut.
func TestEveryWord(t *testing.T) {
	for n := range 1 << bits {
		for _, w := range []string{lists["en"][n], lists["en"][n][:min(prefix, len(lists["en"][n]))], lists["zh-CN"][n]} {
			v, err := Parse(strings.Repeat(w+" ", Count))
			if err != nil {
				t.Fatal(err)
			}
			if said := Say(v, "en"); !slices.Equal(said, slices.Repeat([]string{lists["en"][n]}, Count)) {
				t.Fatalf("%s was read as %v", w, said)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ability able about above absent absorb abstract absurd", []byte{1, 2, 3})
	f.Add("一是在不了有和人", []byte("\xff\x00\xff"))
	f.Add("abil\xff ＡＢＬＥ\u200b龘", []byte{})
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		if v, err := Parse(text); err == nil {
			if again, err := Parse(strings.Join(Say(v, "en"), " ")); err != nil || again != v {
				t.Errorf("%q says %x, read again %x %v", text, v, again, err)
			}
		}
		var v [11]byte
		copy(v[:], value)
		for _, lang := range []string{"en", "zh-CN"} {
			if got, err := Parse(strings.Join(Say(v, lang), "")); lang == "zh-CN" && (err != nil || got != v) {
				t.Errorf("%x without spaces: %x %v", v, got, err)
			}
			if got, err := Parse(strings.Join(Say(v, lang), " ")); err != nil || got != v {
				t.Errorf("%x in %s: %x %v", v, lang, got, err)
			}
		}
	})
}
