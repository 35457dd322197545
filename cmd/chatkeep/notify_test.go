package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// From an address to a message that arrives.
func TestNotifyTestArrives(t *testing.T) {
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, r.Method+" "+r.URL.Path+" "+string(body))
		mu.Unlock()
	}))
	defer server.Close()
	s := newSession(t)
	s.write("chatkeep.yaml", "device: study\nremote: local:"+s.path("remote")+"\nsources: [{name: chats, folder: "+s.path("chats")+"}]\n")
	s.object(0, "notify", "add", "hook", "generic+"+server.URL+"/secretpath", "--to-config")
	s.object(0, "notify", "add", "life", "ping+"+server.URL+"/secretping")
	s.object(0, "notify", "test")
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || !strings.HasPrefix(got[0], "POST /secretpath study: a test message\n\nIt works.") || got[1] != "GET /secretping " {
		t.Errorf("%q", got)
	}
	if text, err := os.ReadFile(s.path("chatkeep.yaml")); err != nil || !strings.Contains(string(text), "hook") || strings.Contains(string(text), "secret") {
		t.Errorf("%s, %v", text, err)
	}
}

// One that fails doesn't keep the others from being tried, and is named.
func TestNotifyTestNamesWhatFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/secretbad") {
			http.Error(w, r.URL.String(), http.StatusForbidden)
		}
	}))
	defer server.Close()
	s := newSession(t)
	s.object(0, "notify", "add", "bad", "generic+"+server.URL+"/secretbad")
	s.object(0, "notify", "add", "good", "generic+"+server.URL+"/secretgood")
	out, notes, code := s.run("notify", "test")
	if code != exitFailed || !strings.Contains(out, "good (generic): sent") || !strings.Contains(notes, "bad did not take the message") || !strings.Contains(notes, "403") {
		t.Errorf("%d\n%s\n%s", code, out, notes)
	}
	doc := fmt.Sprint(s.object(exitFailed, "notify", "test", "bad", "none"))
	for _, want := range []string{"notify_refused", "notify_unknown"} {
		if !strings.Contains(doc, want) {
			t.Errorf("%s is not in %s", want, doc)
		}
	}
	if all := out + notes + doc + fmt.Sprint(s.object(0, "notify", "list")); strings.Contains(all, "secret") || strings.Contains(all, server.URL) {
		t.Errorf("an address was shown: %s", all)
	}
}

// everyProblem is one of each kind that the daemon tells of.
func everyProblem() (list []notify.Problem) {
	add := func(code string, pairs ...any) {
		args := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			args[pairs[i].(string)] = pairs[i+1]
		}
		list = append(list, notify.Problem{Code: code, Args: args})
	}
	for _, job := range []string{"backup", "pull", "verify", "prune"} {
		add("failed", "job", job, "code", "remote_auth")
	}
	add("failed", "job", "backup", "code", "disk_full_target", "need", "5000000000", "free", "1000000000")
	add("failed", "job", "backup", "code", "failed")
	add("failed", "job", "backup", "code", "no_such_code")
	add("failed")
	for _, hours := range []int{1, 26, 47, 48, 200} {
		add("stale", "hours", hours)
	}
	for _, days := range []int{0, 1, 3} {
		add("login_expires", "days", days)
		add("quota", "days", days, "free", uint64(5_000_000_000))
		add("phone_backup_old", "days", days+30)
	}
	add("quota", "free", uint64(5_000_000_000))
	add("shrunk")
	add("config_bad")
	add("alarm", "code", "rolled_back")
	add("alarm", "code", "damaged", "object", "packs/aa/hunter2object")
	for _, key := range i18n.Keys() {
		if code, ok := strings.CutPrefix(key, "error."); ok {
			add(code, "path", "/home/me/hunter2/wxid_hunter2", "source", "wechat/wxid_hunter2", "account", "hunter2@example.com",
				"object", "hunter2", "remote", "drive:hunter2", "command", "chmod 600 hunter2", "what", "hunter2", "name", "hunter2", "url", "hunter2",
				"device", "laptop", "devices", []string{"laptop", "study"}, "from", 3, "to", 5, "have", 7, "kind", "hunter2")
		}
	}
	return list
}

// Each problem is said, wrong and right again, in both languages, without a
// word that is the user's own.
func TestNoticesSayEverything(t *testing.T) {
	for _, lang := range i18n.Languages() {
		a := &app{getenv: func(string) string { return "" }, say: i18n.For(lang).Say, config: t.TempDir() + "/none.yaml"}
		for _, p := range everyProblem() {
			for _, kind := range []notify.Kind{notify.Trouble, notify.Recovery} {
				m := a.notice(kind, []notify.Problem{p})
				checkNotice(t, fmt.Sprint(lang, " ", kind, " ", p.Code, " ", p.Args["code"]), m)
			}
		}
		for _, kind := range []notify.Kind{notify.Trouble, notify.Recovery} {
			m := a.notice(kind, everyProblem()[:8])
			checkNotice(t, fmt.Sprint(lang, " several ", kind), m)
			if !strings.Contains(m.Title, "8") || !strings.Contains(m.Text, "5. ") || strings.Contains(m.Text, "6. ") || !strings.Contains(m.Text, "3") {
				t.Errorf("%s: %s\n%s", lang, m.Title, m.Text)
			}
		}
		checkNotice(t, lang+" test", a.notice(notify.Test, nil))
		checkNotice(t, lang+" digest", a.notice(notify.Digest, nil))
		digest := a.notice(notify.Digest, []notify.Problem{{Code: "digest", Args: map[string]any{"through": time.Now(), "verified": time.Now().Format(time.RFC3339),
			"uploaded": uint64(12_000_000), "snapshots": 48, "flagged": 1}}})
		checkNotice(t, lang+" digest", digest)
		if strings.Count(digest.Text, "\n") != 6 || !strings.Contains(digest.Text, "12 MB") || !strings.Contains(digest.Text, time.Now().Format("2006-01-02")) {
			t.Errorf("%s: %s", lang, digest.Text)
		}
	}
}

func checkNotice(t *testing.T, what string, m notify.Message) {
	t.Helper()
	for _, bad := range []string{"⟨", "\x00", "hunter2", "wxid", "%!", "<nil>", "map["} {
		if strings.Contains(m.Title+m.Text, bad) {
			t.Errorf("%s: %q is in\n%s\n%s", what, bad, m.Title, m.Text)
		}
	}
	if left := placeholder.FindString(m.Title + m.Text); left != "" {
		t.Errorf("%s: %s is left in\n%s\n%s", what, left, m.Title, m.Text)
	}
	if m.Title == "" || m.Text == "" || strings.Contains(m.Title, "\n") || strings.HasSuffix(m.Title, " ") || strings.HasSuffix(m.Text, "\n") {
		t.Errorf("%s: odd: %q %q", what, m.Title, m.Text)
	}
}

func TestNoticesRead(t *testing.T) {
	for _, c := range []struct {
		lang        string
		p           notify.Problem
		title, text string
	}{
		{"en", notify.Problem{Code: "stale", Args: map[string]any{"hours": 26}}, "Nothing new has been safe for 26 hours", "only on this computer"},
		{"en", notify.Problem{Code: "stale", Args: map[string]any{"hours": 50}}, "Nothing new has been safe for 2 days", "only on this computer"},
		{"zh-CN", notify.Problem{Code: "stale", Args: map[string]any{"hours": 50}}, "已经 2 天没有新内容备份成功了", "目前只在这台电脑上"},
		{"en", notify.Problem{Code: "failed", Args: map[string]any{"job": "backup", "code": "remote_auth"}}, "The backup failed", "The cloud no longer accepts the sign-in\nSign in again with: chatkeep remote login"},
		{"zh-CN", notify.Problem{Code: "quota", Args: map[string]any{"free": uint64(3_000_000_000)}}, "云端空间快用完了，只剩 3.0 GB", "扩容"},
		{"en", notify.Problem{Code: "login_expires", Args: map[string]any{"days": 1}}, "The sign-in to the cloud ends within 1 day", "chatkeep remote login"},
		{"en", notify.Problem{Code: "source_empty", Args: map[string]any{"source": "wechat/wxid_1"}}, "… is suddenly empty", "Is its disk mounted?"},
	} {
		a := &app{getenv: func(string) string { return "" }, say: i18n.For(c.lang).Say, config: t.TempDir() + "/none.yaml"}
		m := a.notice(notify.Trouble, []notify.Problem{c.p})
		if !strings.Contains(m.Title, c.title) || !strings.Contains(m.Text, c.text) {
			t.Errorf("%s %s:\n%s\n%s", c.lang, c.p.Code, m.Title, m.Text)
		}
	}
}

// What is wrong with a channel is said like any other error.
func TestNotifyCodesHaveSentences(t *testing.T) {
	s := newSession(t)
	for _, args := range [][]string{{"add", "a b", "wecom://k"}, {"add", "x", "https://example.com/secret"}, {"remove", "x"}, {"add", "x", "wecom://k", "--server", "h"}, {"add", "x", "y", "z"}, {"add"}} {
		_, notes, code := s.run(append([]string{"notify"}, args...)...)
		if code != exitUsage || strings.Contains(notes, "⟨") || strings.Contains(notes, "secret") {
			t.Errorf("%v: %d\n%s", args, code, notes)
		}
	}
}
