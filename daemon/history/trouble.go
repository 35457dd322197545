package history

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

const longestCause = 500 // bytes

// TroubleOf returns what an error says, in no language; nil if there is none.
// Without a code of its own it is "failed", or what the service doesn't have.
func TroubleOf(err error, now time.Time) *Trouble {
	if err == nil {
		return nil
	}
	t := &Trouble{Code: "failed", Text: shortened(err.Error()), Time: now.UTC().Truncate(time.Second), Args: map[string]string{}}
	if h := hint.Find(err); h != nil {
		t.Code = string(h.Code)
		for key, value := range h.Args {
			t.Args[key] = fmt.Sprint(value)
		}
	} else if errors.Is(err, providers.ErrNotExist) {
		t.Code = string(providers.HintMissing)
	}
	return t
}

// shortened cuts a cause, between two characters.
func shortened(text string) string {
	if len(text) <= longestCause {
		return text
	}
	return strings.ToValidUTF8(text[:longestCause-len("…")], "") + "…"
}
