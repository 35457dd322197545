package main

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// onPlace is a program that has talked to a place.
func onPlace(t *testing.T, state string) (*app, config.Remote) {
	t.Helper()
	where, err := config.ParseRemote("drive:chatkeep")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{say: i18n.For("en").Say, getenv: func(key string) string {
		return map[string]string{"CHATKEEP_STATE": state}[key]
	}}
	a.reach(target{Remote: where})
	return a, where
}

func TestHealthRemembersUntilItIsOver(t *testing.T) {
	fail := func(class error) error {
		return providers.Fail(class, errors.New("put packs/0/1: no"), "remote", "drive:chatkeep")
	}
	state := t.TempDir()
	for _, c := range []struct {
		name   string
		err    error
		stored bool
		want   string // code that is remembered then
	}{
		{"all fine", nil, false, ""},
		{"offline", fail(providers.ErrTemporary), false, "remote_unreachable"},
		{"wrong use says nothing of the remote", usageError(errors.New("no")), false, "remote_unreachable"},
		{"damage is an alarm, not this", errors.Join(repo.ErrIntegrity, fail(providers.ErrNotExist)), false, "remote_unreachable"},
		{"read again", nil, false, ""},
		{"full", fail(providers.ErrQuota), false, "remote_full"},
		{"reading doesn't prove that there is room", nil, false, "remote_full"},
		{"a backup does", nil, true, ""},
		{"the day's limit", fail(providers.ErrLimit), false, "remote_day_limit"},
		{"signed out", fail(providers.ErrAuth), false, "remote_auth"},
		{"rate", fail(providers.ErrRate), false, "remote_rate"},
		{"permission", fail(providers.ErrPermission), false, "remote_permission"},
		{"corrupt", fail(providers.ErrCorrupt), false, "remote_corrupt"},
		{"missing", fail(providers.ErrNotExist), false, "remote_missing"},
		{"over", nil, false, ""},
	} {
		a, where := onPlace(t, state)
		a.contact.stored = c.stored
		a.remember(c.err)
		got := ""
		if h := a.healthOf(where); h.Error != nil {
			got = h.Error.Code
			if text, advice := a.explained(h.Error); strings.Contains(text+advice, "⟨") || advice == "" {
				t.Errorf("%s: %q, %q", c.name, text, advice)
			}
		}
		if got != c.want {
			t.Errorf("%s: it remembers %q, want %q", c.name, got, c.want)
		}
	}
}

// Every code that a remote's errors carry has its words in status.
func TestEveryRemoteCodeIsExplained(t *testing.T) {
	a, _ := onPlace(t, t.TempDir())
	for _, code := range []string{"remote_missing", "remote_auth", "remote_full", "remote_rate", "remote_day_limit", "remote_unreachable",
		"remote_permission", "remote_corrupt", "remote_too_many", "remote_region", "remote_clock", "remote_certificate", "remote_proxy",
		"remote_portal", "remote_trashed", "remote_no_signin", "remote_api", "remote_bucket", "remote_host_key", "remote_host_key_changed"} {
		for _, lang := range i18n.Languages() {
			a.say = i18n.For(lang).Say
			text, advice := a.explained(&trouble{Code: code, Text: "cause", Args: map[string]string{"remote": "drive:chatkeep"}})
			if strings.Contains(text+advice, "⟨") || strings.Contains(text+advice, "{") {
				t.Errorf("%s in %s: %q, %q", code, lang, text, advice)
			}
		}
	}
}

func TestHealthMakesNoStateFolder(t *testing.T) {
	state := filepath.Join(t.TempDir(), "none")
	a, _ := onPlace(t, state)
	a.remember(providers.Fail(providers.ErrTemporary, nil))
	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a reader of another's backups has got a state folder: %v", err)
	}
}

func TestHealthIsPrivateAndShort(t *testing.T) {
	state := t.TempDir()
	a, where := onPlace(t, state)
	a.remember(providers.Fail(providers.ErrTemporary, errors.New(strings.Repeat("消", 1000))))
	path, err := a.healthPath(where)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 2000 || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := a.healthOf(where); h.Error != nil {
		t.Errorf("a damaged file says %+v", h.Error)
	}
}

func TestMidnightEndsTheDaysLimit(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.Local)
	for _, c := range []struct {
		code string
		at   time.Time
		want bool
	}{
		{"remote_day_limit", now.Add(-time.Hour), false},
		{"remote_day_limit", now.Add(-15 * time.Hour), true},
		{"remote_full", now.Add(-99 * time.Hour), false},
	} {
		if got := isOver(&trouble{Code: c.code, Time: c.at}, now); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestMasked(t *testing.T) {
	for account, want := range map[string]string{"": "", "li.lei@example.com": "li***@example.com", "a@b": "a***@b", "张小明@例子": "张小***@例子", "nameonly": "na***"} {
		if got := masked(account); got != want {
			t.Errorf("%q: %q, want %q", account, got, want)
		}
	}
}

func TestPerDay(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	snap := func(daysAgo float64, sent uint64, partial bool) *repo.Snapshot {
		s := &repo.Snapshot{}
		s.Time, s.Counts, s.Partial = now.Add(-time.Duration(daysAgo*24*float64(time.Hour))).UnixNano(), format.Counts{Uploaded: sent}, partial
		return s
	}
	for _, c := range []struct {
		name  string
		list  []*repo.Snapshot
		want  int64
		known bool
	}{
		{"no snapshots", nil, 0, false},
		{"too young", []*repo.Snapshot{snap(1.5, 1000, false), snap(0.5, 10, false)}, 0, false},
		{"what was there at first doesn't count", []*repo.Snapshot{snap(10, 90_000, false), snap(5, 100, false), snap(1, 100, false)}, 20, true},
		{"nor do its parts", []*repo.Snapshot{snap(12, 90_000, true), snap(11, 90_000, true), snap(10, 90_000, false), snap(5, 300, true)}, 30, true},
		{"nor what is long ago", []*repo.Snapshot{snap(90, 90_000, false), snap(20, 5, false), snap(1, 40, false)}, 2, true},
		{"nothing new", []*repo.Snapshot{snap(10, 90_000, false)}, 0, true},
	} {
		if got, known := perDayOf(c.list, now); got != c.want || known != c.known {
			t.Errorf("%s: %d, %v", c.name, got, known)
		}
	}
	if d := daysUntilFull(providers.Unknown, 5); d != nil {
		t.Errorf("unknown room is full in %d days", *d)
	}
	if d := daysUntilFull(100, 0); d != nil {
		t.Errorf("nothing fills it in %d days", *d)
	}
	if d := daysUntilFull(100, 30); d == nil || *d != 3 {
		t.Errorf("100 at 30 a day: %v", d)
	}
	for _, c := range []struct {
		bytes, limit uint64
		want         int64
	}{{0, 10, 0}, {1, 10, 1}, {10, 10, 1}, {11, 10, 2}, {5, 0, 0}} {
		if got := daysFor(c.bytes, c.limit); got != c.want {
			t.Errorf("%d at %d a day: %d days", c.bytes, c.limit, got)
		}
	}
}

func TestVerdicts(t *testing.T) {
	a := &app{say: i18n.For("en").Say}
	sums := providers.Traits{Sums: []providers.Algorithm{"md5"}}
	for _, c := range []struct {
		name   string
		traits providers.Traits
		facts  cloud.Facts
		found  providers.Probed
		codes  []string
		says   []string
	}{
		{"drive", sums, cloud.Facts{}, providers.Probed{Verified: true}, []string{}, []string{"All fine", "every upload is confirmed by a checksum"}},
		{"reports sums, but not in the reply", sums, cloud.Facts{}, providers.Probed{}, []string{"present"}, []string{"only known to be present", "reads one back a day"}},
		{"folder", providers.Traits{Sums: sums.Sums, SumsCostRead: true}, cloud.Facts{}, providers.Probed{}, []string{}, []string{"All fine", "reading it"}},
		{"personal onedrive", sums, cloud.Facts{Trash: 720 * time.Hour}, providers.Probed{Verified: true}, []string{"trash"}, []string{"stay in the trash for 30 days"}},
		{"a trash nobody knew of", sums, cloud.Facts{}, providers.Probed{Verified: true, Trashed: true}, []string{"trash"}, []string{"stay in the trash"}},
		{"jianguoyun", providers.Traits{}, cloud.Facts{Requests: 600, Window: 30 * time.Minute}, providers.Probed{}, []string{"present", "requests"}, []string{"600 requests in 30 minutes", "text and small media only"}},
		{"clock", sums, cloud.Facts{}, providers.Probed{Verified: true, Clock: -time.Hour, ClockKnown: true}, []string{"clock"}, []string{"differ by 1h0m0s"}},
	} {
		codes, line := a.verdict(c.traits, c.facts, &c.found)
		if !slices.Equal(codes, c.codes) || strings.Contains(line, "\n") || strings.Contains(line, "⟨") {
			t.Errorf("%s: %v, %q", c.name, codes, line)
		}
		for _, text := range c.says {
			if !strings.Contains(line, text) {
				t.Errorf("%s: %q does not say %q", c.name, line, text)
			}
		}
	}
}

// A day's limit ends a backup with what is complete; the words say what is not.
func TestBackupStopsAtTheDaysLimit(t *testing.T) {
	s := newSession(t)
	noise := rand.NewChaCha8([32]byte{1})
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		b := make([]byte, 2_000_000)
		noise.Read(b)
		s.write("chats/photos/"+name+".bin", string(b))
	}
	s.write("chatkeep.yaml", "sources: [./chats]\nremote: {type: local, folder: "+s.path("remote")+", pack_size: 1MiB}\nnetwork: {upload_per_day: 4MB}\n")
	if _, notes, code := s.run("init"); code != 0 {
		t.Fatal(notes)
	}
	dry := s.object(exitDone, "backup", "--dry-run").(map[string]any)
	if days := dry["days"]; days != 4.0 { // 12 MB, and a little more around it
		t.Errorf("a dry run says %v days", days)
	}
	out, _, _ := s.run("backup", "--dry-run")
	if !strings.Contains(out, "At your limit of 4.0 MB a day that takes about 4 days") {
		t.Errorf("a dry run says %q", out)
	}
	first := s.object(exitRemarks, "backup").(map[string]any)
	stopped, _ := first["stopped"].(map[string]any)
	if stopped["code"] != "remote_day_limit" || first["snapshot"] == "" {
		t.Fatalf("%v", first)
	}
	left := stopped["left"].(float64)
	if left < 2e6 || left > 11e6 || stopped["days"].(float64) != float64(daysFor(uint64(left), 4_000_000)) {
		t.Errorf("stopped: %v", stopped)
	}
	b, err := os.ReadFile(healthFile(t, s))
	var h health
	if err != nil || json.Unmarshal(b, &h) != nil || h.Error == nil || h.Error.Code != "remote_day_limit" {
		t.Errorf("%s, %v", b, err)
	}
	out, notes, code := s.run("backup")
	if code != exitRemarks && code != exitDone {
		t.Fatal(code, out, notes)
	}
	if code == exitRemarks && (!strings.Contains(notes, "today's upload limit is used up") || !strings.Contains(out, "still to come. At this limit")) {
		t.Errorf("%s%s", out, notes)
	}
	status := s.object(exitRemarks, "status").(map[string]any)
	if last, _ := status["remote"].(map[string]any)["last_error"].(map[string]any); code == exitRemarks && last["code"] != "remote_day_limit" {
		t.Errorf("status: %v", status["remote"])
	}
}

func healthFile(t *testing.T, s *session) string {
	t.Helper()
	found, err := filepath.Glob(s.path("state", "remotes", "*", "health.json"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

// The state of the sign-in is told from its file and the last error alone.
func TestLoginState(t *testing.T) {
	refused := providers.Fail(providers.ErrAuth, nil)
	past, future := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		name, remote  string
		values        map[string]string // nil: nobody has signed in
		failed        error
		state, expire string
		testing       bool // Google's 7 days may be why
	}{
		{"a folder", "local:/x", nil, nil, "", "", false},
		{"nobody", "drive:x", nil, refused, "none", "", false},
		{"nobody has to", "webdav:x", nil, nil, "", "", false},
		{"somebody", "drive:x", map[string]string{"token": "{}"}, nil, "ok", "", false},
		{"offline says nothing of it", "drive:x", map[string]string{"token": "{}"}, providers.Fail(providers.ErrTemporary, nil), "ok", "", false},
		{"refused", "onedrive:x", map[string]string{"token": "{}"}, refused, "expired", "", false},
		{"refused for no known reason", "drive:x", map[string]string{"token": "{}"}, refused, "expired", "", false},
		{"not over yet", "drive:x", map[string]string{"token": "{}", "login_expires": future}, nil, "ok", future, false},
		{"over", "drive:x", map[string]string{"token": "{}", "login_expires": past}, nil, "expired", past, false},
		{"over and refused", "drive:x", map[string]string{"token": "{}", "login_expires": past}, refused, "expired", past, true},
	} {
		a, _ := onPlace(t, t.TempDir())
		where, err := config.ParseRemote(c.remote)
		if err != nil {
			t.Fatal(err)
		}
		home, err := remoteHomeIn(a.getenv, where)
		if err != nil {
			t.Fatal(err)
		}
		if c.values != nil {
			if err := cloud.NewSignIn(home).Save(c.values); err != nil {
				t.Fatal(err)
			}
		}
		state, expire := a.loginState(where, c.failed)
		if state != c.state || expire != c.expire {
			t.Errorf("%s: %q until %q", c.name, state, expire)
		}
		if got := a.testing(where, c.failed); (got != "") != c.testing || c.testing && !strings.Contains(got, "Publish app") {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
