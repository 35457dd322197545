package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// longestFolder is how many bytes a device's name may have before it is cut.
const longestFolder = 100

// folderName makes a name one part of a path that every file system takes, the
// same on each: what some don't is percent-escaped, as is what would mean
// something else.
func folderName(name string) string {
	var b strings.Builder
	for i, rest := 0, name; len(rest) > 0; i++ {
		r, n := utf8.DecodeRuneInString(rest)
		bad := r == utf8.RuneError && n == 1 || r < ' ' || r == 0x7f || strings.ContainsRune(`<>:"/\|?*%`, r) ||
			i == 0 && r == '.' || len(rest) == n && (r == '.' || r == ' ')
		if bad {
			for _, c := range []byte(rest[:n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	out := b.String()
	stem, _, _ := strings.Cut(out, ".")
	if windowsDevice(strings.ToUpper(strings.TrimRight(stem, " "))) {
		out = fmt.Sprintf("%%%02X%s", out[0], out[1:])
	}
	return out
}

// deviceFolder picks a device's folder: its name, and a part of its id where
// another device has that name, it is too long, or there is none.
func deviceFolder(name, id string, taken []string) string {
	folder := folderName(name)
	cut := len(folder) > longestFolder
	for len(folder) > longestFolder || !wholeEscapes(folder) {
		_, n := utf8.DecodeLastRuneInString(folder)
		folder = folder[:len(folder)-n]
	}
	same := func(s string) bool { return strings.EqualFold(s, folder) }
	if cut || folder == "" || slices.ContainsFunc(taken, same) {
		folder = strings.TrimLeft(folder+"-"+id[:8], "-")
	}
	if slices.ContainsFunc(taken, same) {
		folder = id
	}
	return folder
}

// wholeEscapes reports whether no escape was cut in two.
func wholeEscapes(s string) bool {
	i := strings.LastIndexByte(s, '%')
	return i < 0 || i+2 < len(s)
}
