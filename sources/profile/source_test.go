package profile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/profile"
	"github.com/chatkeep/chatkeep/sources/sourcetest"
)

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(t testing.TB) (sources.Source, string) {
		account := filepath.Join(t.TempDir(), "xwechat_files", "a_0001")
		if err := os.MkdirAll(filepath.Join(account, "db_storage", "message"), 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := profile.New(profile.Options{
			Name: "wechat", Profiles: profile.Named(profile.Builtin(), "wechat"), Root: filepath.Dir(account),
			Accounts: []string{"a_0001"}, // also when it is gone
		})
		if err != nil {
			t.Fatal(err)
		}
		return s, account
	})
}
