// Package words says an 88-bit value as eight words, for people to compare and
// to type, and reads them back.
//
// There are two lists of 2,048 words, those of BIP-39: English words, of which
// the first four letters suffice, and Chinese characters. Both say the same 11
// bits a word, so a value said in one language can be told to somebody who
// reads the other. The lists never change: what is printed must stay readable.
//
// The package knows nothing of what a value is for.
package words

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"golang.org/x/text/width"
)

// Count is how many words a value has.
const Count = 8

const (
	bits   = 11 // of one word
	prefix = 4  // letters that tell the English words apart
)

// The lists of BIP-39. LICENSE.txt says whose they are.
var (
	//go:embed english.txt
	english string
	//go:embed chinese_simplified.txt
	chinese string

	lists = map[string][]string{"en": strings.Fields(english), "zh-CN": strings.Fields(chinese)}
	index = indexOf(lists)
)

// indexOf maps each word, and the beginning of each that suffices, to its
// number.
func indexOf(lists map[string][]string) map[string]int {
	m := map[string]int{}
	for i, w := range lists["zh-CN"] {
		m[w] = i
	}
	for i, w := range lists["en"] {
		m[w] = i
		if len(w) > prefix {
			m[w[:prefix]] = i
		}
	}
	return m
}

// Say returns the eight words of v in a language, "en" or "zh-CN". Any other
// language gets the English ones.
func Say(v [11]byte, lang string) []string {
	list, ok := lists[lang]
	if !ok {
		list = lists["en"]
	}
	said := make([]string, Count)
	for i := range said {
		n := 0
		for bit := i * bits; bit < (i+1)*bits; bit++ {
			n = n<<1 | int(v[bit/8]>>(7-bit%8)&1)
		}
		said[i] = list[n]
	}
	return said
}

// CountError: there are not eight words.
type CountError struct{ Count int }

func (e *CountError) Error() string {
	return fmt.Sprintf("read words: there are %d, not %d", e.Count, Count)
}

// UnknownError: a word is in neither list.
type UnknownError struct {
	Position int    // from 1
	Word     string // as it was typed
	Nearest  string // the most similar English word; none for a character
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("read words: word %d, %q, is none of the list", e.Position, e.Word)
}

// Parse reads eight words in either language, however they are typed: in any
// case, cut after four letters or later, with anything but letters and digits
// between them, characters also with nothing. The error is a *CountError or an
// *UnknownError.
func Parse(text string) (v [11]byte, err error) {
	typed := split(text)
	for i, w := range typed {
		n, ok := number(w)
		if !ok {
			return [11]byte{}, &UnknownError{i + 1, w, nearest(w)}
		}
		if i >= Count {
			continue // counted below
		}
		for b := range bits {
			bit := i*bits + b
			v[bit/8] |= byte(n>>(bits-1-b)&1) << (7 - bit%8)
		}
	}
	if len(typed) != Count {
		return [11]byte{}, &CountError{len(typed)}
	}
	return v, nil
}

// split cuts text into words. Each Chinese character is one; letters as wide as
// those, which Chinese keyboards type, count as the letters they are.
func split(text string) (list []string) {
	var w strings.Builder
	end := func() {
		if w.Len() > 0 {
			list = append(list, w.String())
			w.Reset()
		}
	}
	for _, r := range width.Fold.String(text) {
		switch {
		case unicode.Is(unicode.Han, r):
			end()
			list = append(list, string(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			w.WriteRune(unicode.ToLower(r))
		default:
			end()
		}
	}
	end()
	return list
}

// number returns the number of a word, which may be cut.
func number(w string) (int, bool) {
	if n, ok := index[w]; ok {
		return n, true
	}
	if len(w) <= prefix {
		return 0, false
	}
	n, ok := index[w[:prefix]]
	return n, ok && strings.HasPrefix(lists["en"][n], w)
}

// longest bounds what is compared: no word is half as long.
const longest = 20

// nearest returns the English word that is most like w.
func nearest(w string) string {
	if len(w) > longest || unicode.Is(unicode.Han, []rune(w)[0]) {
		return ""
	}
	best, least := "", longest
	for _, known := range lists["en"] {
		if d := levenshtein.ComputeDistance(w, known); d < least {
			best, least = known, d
		}
	}
	return best
}
