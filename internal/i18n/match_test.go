package i18n

import "testing"

func TestMatch(t *testing.T) {
	for _, wish := range []string{
		"zh", "zh-CN", "zh_CN", "zh_CN.UTF-8", "zh_CN.GB18030", "zh-Hans", "zh-Hans-CN", "zh_SG",
		"zh_TW.UTF-8", "zh-Hant-HK", "zh_HK", "ZH-cn", "zh@pinyin", "yue_HK", "cmn", "chinese",
	} {
		if got := Match(wish); got != Chinese {
			t.Errorf("Match(%s) = %s", wish, got)
		}
	}
	for _, wish := range []string{
		"", "C", "C.UTF-8", "POSIX", "en", "en_US.UTF-8", "de_DE", "fr", "zhx", "zha_CN", "_", "-", "..",
	} {
		if got := Match(wish); got != English {
			t.Errorf("Match(%s) = %s", wish, got)
		}
	}
}

func TestMatchOrder(t *testing.T) {
	tests := []struct {
		wishes []string
		want   string
	}{
		{nil, English},
		{[]string{"", "", "", "", ""}, English},
		{[]string{"en", "zh-CN", "", "", "zh_CN.UTF-8"}, English},
		{[]string{"", "zh-CN", "C", "", "en_US.UTF-8"}, Chinese},
		{[]string{"", "", "C", "", "zh_CN.UTF-8"}, English},
		{[]string{"", "", "", "zh_CN.UTF-8", "en_US.UTF-8"}, Chinese},
		{[]string{"", "", "", "", "zh_CN.UTF-8"}, Chinese},
	}
	for _, tt := range tests {
		if got := Match(tt.wishes...); got != tt.want {
			t.Errorf("Match(%q) = %s, want %s", tt.wishes, got, tt.want)
		}
	}
}

func TestKnown(t *testing.T) {
	for _, lang := range Languages() {
		if !Known(lang) || Match(lang) != lang {
			t.Errorf("%s is not known", lang)
		}
	}
	if Known("fr") || Known("") || Known("zh") {
		t.Error("too much is known")
	}
}
