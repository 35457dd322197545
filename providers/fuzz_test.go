package providers

import (
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// What a person types for a place is one, and is written the same, or an error
// that lists what there is.
func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{"local:/srv/chats", "drive:chatkeep", "s3:", ":x", "webdav:a:b", "C:\\x", "local:\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePlace(s)
		if err != nil {
			if h := hint.Find(err); h == nil || h.Code != HintBadRemote {
				t.Fatalf("no hint: %v", err)
			}
			return
		}
		if p.String() != s || p.Valid() != nil {
			t.Fatalf("%q became %q", s, p)
		}
	})
}
