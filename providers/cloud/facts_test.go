package cloud

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
)

func TestFacts(t *testing.T) {
	for _, c := range []struct {
		kind  string
		given map[string]string
		user  Limits
		want  Facts
	}{
		{"local", nil, Limits{}, Facts{}},
		{"drive", nil, Limits{}, Facts{Page: 1000, Clock: true}},
		{"drive", ShortPages("drive", map[string]string{"chunk_size": "8M"}), Limits{}, Facts{Page: 2, Clock: true}},
		{"tencent-cos", ShortPages("tencent-cos", nil), Limits{}, Facts{Page: 2, Clock: true}},
		{"onedrive", nil, Limits{}, Facts{Page: 1000}}, // a business one
		{"dropbox", ShortPages("dropbox", nil), Limits{}, Facts{Page: 1000, Trash: month}},
		{"sftp", nil, Limits{}, Facts{Clock: true}},
		{"jianguoyun", nil, Limits{}, Facts{Page: 750, Clock: true, Requests: 600, Window: 30 * time.Minute}},
		{"jianguoyun", nil, Limits{RequestsPerMinute: 45}, Facts{Page: 750, Clock: true, Requests: 1500, Window: 30 * time.Minute}}, // a paid account
		{"openlist", nil, Limits{}, Facts{Page: 2000, Clock: true}},
	} {
		p := presets[c.kind]
		backend, err := fs.Find(p.backend)
		if err != nil {
			t.Fatal(err)
		}
		r := &remote{preset: p, backend: backend, limits: c.user.or(p.limits), given: c.given}
		if got := r.Facts(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.kind, got, c.want)
		}
	}
}

func TestRemoveFolder(t *testing.T) {
	w := newWorld(t, fakecloud.Options{})
	root := t.TempDir()
	local, err := Open(context.Background(), providers.Place{Type: "local", Path: root}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]providers.Remote{"local": local, "drive": w.open("drive", w.device("drive")), "onedrive": w.open("onedrive", w.device("onedrive"))} {
		t.Run(name, func(t *testing.T) {
			remove := r.(providers.FolderRemover).RemoveFolder
			put := func(name providers.Name) {
				t.Helper()
				if _, err := r.Put(context.Background(), name, providers.BytesSource([]byte("x"))); err != nil {
					t.Fatal(err)
				}
			}
			if err := remove(context.Background(), "probe"); err != nil {
				t.Errorf("a folder that isn't there: %v", err)
			}
			put("probe/1/a")
			if remove(context.Background(), "probe/1") == nil {
				t.Error("a folder with something in it was removed")
			}
			if _, err := r.Stat(context.Background(), "probe/1/a"); err != nil {
				t.Errorf("and what was in it: %v", err)
			}
			if err := r.Delete(context.Background(), "probe/1/a"); err != nil {
				t.Fatal(err)
			}
			for _, folder := range []providers.Name{"probe/1", "probe"} {
				if err := remove(context.Background(), folder); err != nil {
					t.Errorf("%s: %v", folder, err)
				}
			}
			put("probe/1/b") // what was known of the folder is forgotten
		})
	}
	if _, err := os.Stat(filepath.Join(root, "probe", "1", "b")); err != nil {
		t.Error(err)
	}
	if err := local.(providers.FolderRemover).RemoveFolder(context.Background(), "../x"); err == nil {
		t.Error("a folder outside was accepted")
	}
}
