package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// An account that is not found today, while another of the app is, keeps its
// last state and is named: its disk may only be unplugged.
func TestMissedAccountIsKept(t *testing.T) {
	for _, role := range []format.Role{format.Full, format.BackupOnly} {
		t.Run(role.String(), func(t *testing.T) {
			p := newPlace(t, role)
			accounts := []string{"wxid_madeup0001_5ff1", "wxid_madeup0002_1ee2"}
			look := func() {
				t.Helper()
				s, err := profile.New(profile.Options{Name: "wechat", Profiles: profile.Named(profile.Builtin(), "wechat"), Root: p.chats})
				p.must(err)
				p.only, err = s.Accounts(context.Background())
				p.must(err)
			}
			for i, name := range accounts {
				p.must(os.MkdirAll(filepath.Join(p.chats, name, "db_storage", "message"), 0o755))
				p.must(madeup.Database(filepath.Join(p.chats, name, messages), 1<<20, uint64(i), true))
			}
			look()
			opt := TakeOptions{Apps: []App{{Name: "wechat", Kind: "wechat"}}}
			first, err := p.tryBackup(opt)
			p.must(err)
			if len(first.Skipped) > 0 || first.Counts.Files != 2 {
				t.Fatalf("%+v", first)
			}
			p.must(os.Rename(filepath.Join(p.chats, accounts[1]), filepath.Join(p.dir, "unplugged")))
			look()
			for range 2 {
				taken, err := p.tryBackup(opt)
				p.must(err)
				want := format.Remark{Source: "wechat-" + accounts[1], Path: ".", Reason: ReasonVanished}
				if len(taken.Skipped) != 1 || taken.Skipped[0] != want || taken.Counts.Files != 2 || taken.Counts.Uploaded > 1<<19 {
					t.Errorf("%+v", taken)
				}
			}
			a := app{p}
			dir, _ := a.back("laptop/latest", RestoreOptions{})
			if !exists(filepath.Join(filepath.Dir(dir), "wechat-"+accounts[1], messages)) {
				t.Error("the account that was missed is not in the snapshot")
			}
			if taken, err := p.tryBackup(TakeOptions{}); err != nil || len(taken.Skipped) > 0 || taken.Counts.Files != 1 {
				t.Errorf("of a source that is not configured any more: %+v, %v", taken, err)
			}
			p.check(100)
		})
	}
}
