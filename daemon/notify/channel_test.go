package notify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestChannelsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if list, err := Channels(dir); len(list) != 0 || err != nil {
		t.Fatalf("before any: %v, %v", list, err)
	}
	must(t, Add(dir, Channel{"wecom", "wecom://first"}, false))
	must(t, Add(dir, Channel{"邮箱", "smtp://h/?from=a&to=b"}, false))
	for _, name := range []string{"wecom", "WeCom"} {
		if err := Add(dir, Channel{name, "wecom://second"}, false); codeOf(err) != string(CodeTaken) {
			t.Errorf("%s twice: %v", name, err)
		}
	}
	must(t, Add(dir, Channel{"wecom", "wecom://second"}, true))
	list, err := Channels(dir)
	if err != nil || len(list) != 2 || list[0].URL != "wecom://second" || list[0].Service() != "wecom" {
		t.Errorf("%v, %v", list, err)
	}
	path := filepath.Join(dir, channelFile)
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	must(t, Remove(dir, "wecom"))
	if err := Remove(dir, "wecom"); codeOf(err) != string(CodeUnknown) {
		t.Errorf("removed twice: %v", err)
	}
	if runtime.GOOS != "windows" {
		must(t, os.Chmod(path, 0o644))
		if _, err := Channels(dir); !hint.Is(err, durable.CodePermissions) {
			t.Errorf("readable by all: %v", err)
		}
	}
}

func TestChannelNames(t *testing.T) {
	for name, good := range map[string]bool{
		"wecom": true, "my-phone_2.0": true, "手机": true, "7": true, strings.Repeat("n", 80): true,
		"": false, "-x": false, ".x": false, "a b": false, "a/b": false, "a\nb": false, "a:b": false, "[a]": false, "a,b": false,
		"a\x00": false, "\xff": false, "$(x)": false, strings.Repeat("n", 81): false,
	} {
		if err := CheckName(name); (err == nil) != good || err != nil && codeOf(err) != string(CodeName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Commands that run at once lose nothing.
func TestChannelsAddedAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := Add(dir, Channel{fmt.Sprint("c", i), "wecom://k"}, false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if list, err := Channels(dir); len(list) != 20 || err != nil {
		t.Errorf("%d channels, %v", len(list), err)
	}
	for i := range mostChannels - 20 {
		must(t, Add(dir, Channel{fmt.Sprint("d", i), "wecom://k"}, false))
	}
	if err := Add(dir, Channel{"more", "wecom://k"}, false); codeOf(err) != string(CodeTooMany) {
		t.Errorf("one more than fits: %v", err)
	}
}

// A damaged file is said, without a word of what is in it, and never replaced.
func TestDamagedChannels(t *testing.T) {
	for _, text := range []string{"", "secret", `{"channels":[{"name":"a b","url":"wecom://secret"}]}`, `{"channels":[{"name":"a","url":""}]}`,
		`{"channels":[{"name":"a","url":"wecom://secret"},{"name":"A","url":"wecom://secret"}]}`, `{"channels":"secret"}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, channelFile)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		for _, err := range []error{second(Channels(dir)), Add(dir, Channel{"b", "wecom://k"}, false), Remove(dir, "a")} {
			if codeOf(err) != string(CodeDamaged) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v", text, err)
			}
		}
		if after, err := os.ReadFile(path); string(after) != text || err != nil {
			t.Errorf("%q became %q, %v", text, after, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func codeOf(err error) string {
	if h := hint.Find(err); h != nil {
		return string(h.Code)
	}
	return ""
}

var errBoom = errors.New("boom")
