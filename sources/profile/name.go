package profile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/chatkeep/chatkeep/sources"
)

// Labels of what belongs to no account.
const (
	labelShared = "shared"
	labelUnits  = "phone-backup"
)

// matchName holds a folder's name against a pattern, in either case.
func matchName(pattern, name string) bool {
	return doublestar.MatchUnvalidated(strings.ToLower(pattern), strings.ToLower(name))
}

// nameOf makes an account's name of the source's and of its folder's, as it
// becomes the first folder of a restore. The same folder always gets the same
// name.
func nameOf(source, label string) string {
	if label == "" {
		return source
	}
	name := source + "-" + strings.Map(allowed, label)
	if sources.CheckName(name) == nil && !strings.ContainsFunc(label, func(r rune) bool { return allowed(r) != r }) {
		return name
	}
	const room = 60
	for len(name) > room {
		runes := []rune(name)
		name = string(runes[:len(runes)-1])
	}
	return name + "-" + digest(label)
}

// allowed replaces what can't be in a name.
func allowed(r rune) rune {
	if sources.CheckName("x"+string(r)) != nil {
		return '-'
	}
	return r
}

// digest tells names apart that would be the same.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:2])
}
