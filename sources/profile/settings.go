package profile

import (
	"bytes"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// maxSmall bounds what is read of a file of settings.
const maxSmall = 16 << 10

// readSmall returns what a small file holds, or nothing.
func readSmall(path string) []byte {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil // a named pipe would be waited for
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err != nil || len(b) > maxSmall {
		return nil
	}
	return b
}

// settingOf returns the path that an app's file of settings holds: one line,
// in UTF-8 or, on older Chinese systems, GBK. It is "" for anything else.
func settingOf(file []byte) string {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if !utf8.Valid(file) {
		decoded, err := simplifiedchinese.GBK.NewDecoder().Bytes(file)
		if err != nil {
			return ""
		}
		file = decoded
	}
	text := strings.Trim(string(file), "\x00 \t\r\n")
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) {
		return ""
	}
	return text
}

// fromSetting returns the folder that a setting means. MyDocument: is the
// app's word for the folder of documents.
func (h *Host) fromSetting(text string) string {
	if rest, ok := strings.CutPrefix(text, "MyDocument:"); ok {
		if h.Documents == "" {
			return ""
		}
		text = h.Documents + "/" + strings.Trim(rest, `/\`)
	}
	return text
}
