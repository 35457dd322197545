package sources_test

import (
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
)

func TestCheckName(t *testing.T) {
	good := []string{"a", "exports", "wechat-1.old_2", "聊天记录", "हिन्दी", strings.Repeat("x", 80)}
	for _, name := range good {
		if err := sources.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
	bad := []string{"", ".", "..", "a/b", `a\b`, "a b", "a\n", "\xff", "a:b", "📷", strings.Repeat("x", 81)}
	for _, name := range bad {
		if sources.CheckName(name) == nil {
			t.Errorf("CheckName(%q) accepted it", name)
		}
	}
}
