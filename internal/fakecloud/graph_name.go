package fakecloud

import (
	"slices"
	"strings"
	"unicode/utf16"
)

const (
	longestName = 255 // characters of UTF-16
	longestPath = 400
)

var reservedNames = []string{".lock", "con", "prn", "aux", "nul", "desktop.ini"}

// checkName refuses names that OneDrive refuses, in a folder.
func (d *OneDrive) checkName(parent *node, name string) *refusal {
	if badName(name) {
		return errInvalid("The name contains invalid characters or is reserved").because("invalidName")
	}
	path := d.Files.path(parent) + "/" + name
	if len(utf16.Encode([]rune(name))) > longestName || len(utf16.Encode([]rune(path))) > longestPath {
		return errInvalid("The specified file or folder name is too long.").because("pathIsTooLong")
	}
	return nil
}

func badName(name string) bool {
	lower := strings.ToLower(name)
	switch {
	case strings.Trim(name, ". ") == "", strings.ContainsAny(name, `"*:<>?/\|`):
		return true
	case strings.TrimSpace(name) != name, strings.HasSuffix(name, "."), strings.HasPrefix(name, "~$"):
		return true
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return true
	case strings.Contains(lower, "_vti_"), slices.Contains(reservedNames, lower):
		return true
	}
	device := len(lower) == 4 && (lower[:3] == "com" || lower[:3] == "lpt")
	return device && lower[3] >= '0' && lower[3] <= '9'
}
