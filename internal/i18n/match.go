package i18n

import "strings"

// Match returns the language to speak, "en" or "zh-CN". The wishes come in
// order of weight and the first that isn't empty decides:
//
//	Match(flag, Getenv("CHATKEEP_LANG"), Getenv("LC_ALL"), Getenv("LC_MESSAGES"), Getenv("LANG"))
//
// A wish is a language tag or a POSIX locale. Every Chinese one gives zh-CN,
// also those for Taiwan and Hong Kong, whose readers are nearer to it than to
// English. C, POSIX and all other languages give en.
func Match(wishes ...string) string {
	for _, wish := range wishes {
		if wish != "" {
			return nearest(wish)
		}
	}
	return English
}

func nearest(wish string) string {
	end := strings.IndexAny(wish, "_-.@")
	if end < 0 {
		end = len(wish)
	}
	switch strings.ToLower(wish[:end]) {
	case "zh", "cmn", "yue", "chinese":
		return Chinese
	}
	return English
}

// Known reports whether lang is one of [Languages], for refusing a --lang
// that Match would silently take for English.
func Known(lang string) bool { return lang == English || lang == Chinese }
