package systemd

import "strings"

// How values are written in units: systemd.syntax(7). Everything is put in
// double quotes that has to be, so that plain paths look plain.

// percent keeps % from being the beginning of a specifier.
var percent = strings.NewReplacer("%", "%%")

// special are the characters that mean something in a word, outside of quotes
// or in them.
const special = " \t\"'\\;"

var inQuotes = strings.NewReplacer("%", "%%", `\`, `\\`, `"`, `\"`)

// word writes one word of a list of words.
func word(s string) string {
	if s != "" && !strings.ContainsAny(s, special) {
		return percent.Replace(s)
	}
	return `"` + inQuotes.Replace(s) + `"`
}

// argument writes a word of a command, in which $ is the beginning of a
// variable.
func argument(s string) string { return strings.ReplaceAll(word(s), "$", "$$") }

// bound writes a path that is shown at its own place, if it exists.
func bound(p string) string { return quotePair("-" + element(p)) }

// pair writes a path and what belongs to it.
func pair(p, options string) string { return quotePair(element(p) + ":" + options) }

// element writes one side of a pair, in which a colon would be the end. Pairs
// are taken apart twice: first into words and then at their colons, and only
// the second time characters lose their backslash.
func element(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`, ":", `\:`).Replace(s)
}

func quotePair(s string) string {
	s = percent.Replace(s)
	if strings.ContainsAny(s, special) {
		return `"` + s + `"`
	}
	return s
}
