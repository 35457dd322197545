package profile

import (
	"bufio"
	"bytes"
	"path/filepath"
	"strings"
)

// userDir returns the folder that user-dirs.dirs gives for a name such as
// XDG_DOCUMENTS_DIR, or "". The file is a list of NAME="value" in a shell's
// form; a value begins with $HOME or is absolute.
func userDir(file []byte, name, home string) string {
	found := ""
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.TrimSpace(key) != name {
			continue
		}
		value, ok = unquote(strings.TrimSpace(value))
		if rest, atHome := strings.CutPrefix(value, "$HOME"); atHome && (rest == "" || rest[0] == '/') {
			if home == "" {
				continue
			}
			value = home + rest
		}
		if ok && filepath.IsAbs(value) {
			found = filepath.Clean(value) // the last one counts, as in a shell
		}
	}
	return found
}

// unquote reads a value in double quotes, where \ keeps the next sign from
// being special.
func unquote(text string) (string, bool) {
	text, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), b.Len() > 0
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
