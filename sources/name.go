package sources

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest account name in bytes: it becomes a folder of a
// restore, on any file system.
const maxName = 80

// CheckName returns an error that says why name can't be the name of an
// account, or nil. It keeps the promise of [Account].
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("name %q: longer than %d bytes", name, maxName)
	case name == "." || name == "..":
		return fmt.Errorf("name %q: means another folder", name)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q: not UTF-8", name)
	}
	if i := strings.IndexFunc(name, notInName); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		return fmt.Errorf("name %q: %q is not allowed, only letters, digits, dot, dash and underscore", name, r)
	}
	return nil
}

func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
}
