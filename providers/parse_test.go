package providers

import (
	"reflect"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestParsePlace(t *testing.T) {
	for s, want := range map[string]Place{
		"local:/mnt/backup":  {"local", "/mnt/backup"},
		"local:backup":       {"local", "backup"},
		"local:/a b/c:d/~/é": {"local", "/a b/c:d/~/é"},
		"drive:chatkeep":     {"drive", "chatkeep"},
		"tencent-cos:b-1/x":  {"tencent-cos", "b-1/x"},
	} {
		got, err := ParsePlace(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("ParsePlace(%q) = %v, %v", s, got, err)
		}
	}
}

func TestParsePlaceRefuses(t *testing.T) {
	for s, text := range map[string]string{
		"":            `remote "": it is not written as type:path`,
		"/mnt/backup": `remote "/mnt/backup": it is not written as type:path`,
		"local:":      `remote "local:": it names no folder`,
		"Local:/x":    `remote "Local:/x": type "Local" is unknown`,
		"gdrive:x":    `remote "gdrive:x": type "gdrive" is unknown`,
		":local:/x":   `remote ":local:/x": type "" is unknown`,
		"local:/\x00": `remote "local:/\x00": its path holds a zero byte`,
	} {
		_, err := ParsePlace(s)
		if err == nil || err.Error() != text {
			t.Errorf("ParsePlace(%q) = %v, want %s", s, err, text)
		}
		h := hint.Find(err)
		if h == nil || h.Code != HintBadRemote || h.Args["given"] != s || !reflect.DeepEqual(h.Args["known"], Types()) {
			t.Errorf("ParsePlace(%q) has hint %+v", s, h)
		}
	}
}
