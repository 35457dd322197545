package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/webdav"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/providers/memory"
)

// onWebDAV is a session whose remote is a WebDAV server, and the folder that
// the server keeps things in.
func onWebDAV(t *testing.T) (*session, string) {
	t.Helper()
	s := newSession(t)
	t.Setenv("CHATKEEP_STATE", s.path("state"))
	dir := t.TempDir()
	server := httptest.NewServer(&webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()})
	t.Cleanup(server.Close)
	s.write("chatkeep.yaml", fmt.Sprintf("sources: [./chats]\nremote: {type: webdav, folder: chatkeep, requests_per_minute: 6000, options: {url: %q}}\nnetwork: {upload_per_day: 1GB}\n", server.URL))
	return s, dir
}

// A service that confirms nothing: what is sent is present, and a pack a day is
// read back. The words never say more.
func TestProofOnAServiceWithoutChecksums(t *testing.T) {
	s, dir := onWebDAV(t)
	tried := s.object(exitRemarks, "remote", "test").(map[string]any)
	if limits, _ := tried["limits"].([]any); !slices.Equal(limits, []any{"present"}) || tried["checksum"] != false || tried["clock_seconds"] != 0.0 {
		t.Errorf("%v", tried)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "chatkeep", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	s.object(exitDone, "init")
	proof := func(code int) map[string]any {
		t.Helper()
		p, _ := s.object(code, "backup").(map[string]any)["proof"].(map[string]any)
		return p
	}
	if p := proof(exitDone); p["by"] != "read_back" || p["read_now"] != true || p["present"] != 0.0 || p["read_back"] != 1.0 {
		t.Errorf("after the first backup: %v", p)
	}
	s.write("chats/c.txt", "more")
	out, notes, code := s.run("backup")
	if code != exitDone || !strings.Contains(out, "present, no more is known yet: 1 packs wait") || strings.Contains(out, "confirmed") {
		t.Errorf("exit code %d: %s%s", code, out, notes)
	}
	status := s.object(exitDone, "status").(map[string]any)["remote"].(map[string]any)
	if known, _ := status["proof"].(map[string]any); known["present"] != 1.0 || known["read_back"] != 1.0 {
		t.Errorf("status: %v", status)
	}
	if _, ok := status["login"]; ok {
		t.Errorf("nobody has to sign in there: %v", status)
	}
	if status["used"] != nil || status["free"] != nil {
		t.Errorf("nobody told it how full it is: %v", status)
	}
	usage := s.object(exitDone, "remote", "usage").(map[string]any)
	if today, _ := usage["today"].(map[string]any); today["limit"] != 1e9 || today["used"].(float64) < 4<<20 || today["used"].(float64) > 10<<20 {
		t.Errorf("of the day's limit: %v", usage)
	}
	if quota, _ := usage["quota"].(map[string]any); quota["used"] != nil || usage["days_until_full"] != nil {
		t.Errorf("what nobody told: %v", usage)
	}
	verified := s.object(exitDone, "verify").(map[string]any)
	if verified["summed"] != 0.0 || verified["present"].(float64) < 5 {
		t.Errorf("verify: %v", verified)
	}
	verified = s.object(exitDone, "verify", "--data").(map[string]any)
	if verified["read_back"] != 2.0 || verified["present"] != 0.0 {
		t.Errorf("verify --data: %v", verified)
	}

	// a day later the one that waits is read, and it is not what was sent
	s.harm(dir)
	dayLater(t, s)
	out, notes, code = s.run("backup")
	if code != exitIntegrity || !strings.Contains(notes, "alarm: ") || !strings.Contains(out, "Snapshot 3.") {
		t.Errorf("exit code %d: %s%s", code, out, notes)
	}
}

// harm changes a bit in every pack.
func (s *session) harm(dir string) {
	s.t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "chatkeep", "packs", "*", "*.age"))
	if err != nil || len(packs) == 0 {
		s.t.Fatal(packs, err)
	}
	for _, path := range packs {
		b, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		b[len(b)/2] ^= 4
		if err := os.WriteFile(path, b, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// dayLater lets the state forget when it last read something back.
func dayLater(t *testing.T, s *session) {
	t.Helper()
	path := s.path("state", "seen.json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`,?\s*"last": \d+`).ReplaceAll(b, nil)
	if len(changed) == len(b) {
		t.Fatalf("it remembers no time: %s", b)
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

// An account that is full ends a backup with what is complete. The rest follows
// once there is room, and until then status says why it doesn't.
func TestBackupToAFullAccount(t *testing.T) {
	for _, s := range services {
		t.Run(s.kind, func(t *testing.T) {
			x := newComputer(t, newCloud(t), s)
			x.configure()
			x.chat("monday", 9)
			x.run(&struct{}{}, "init")
			account := s.files(x.cloud).(interface {
				SetQuota(int64)
				Used() int64
			})
			account.SetQuota(account.Used() + 5<<20)
			_, out, ended := x.start("backup")
			if code := <-ended; code != exitRemarks {
				t.Fatalf("exit code %d: %s", code, out)
			}
			var d backupJSON
			if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.Stopped == nil || d.Sequence == 0 {
				t.Fatalf("%v: %s", err, out)
			}
			if d.Stopped.Code != "remote_full" || d.Stopped.Left < 3<<20 || d.Stopped.Left > 9<<20 || d.Stopped.Days != 0 {
				t.Errorf("%+v", d.Stopped)
			}
			if code := lastCode(x); code != "remote_full" {
				t.Errorf("status remembers %q", code)
			}
			account.SetQuota(1 << 40)
			x.run(&struct{}{}, "backup")
			if code := lastCode(x); code != "" {
				t.Errorf("after it got through, status remembers %q", code)
			}
		})
	}
}

// lastCode is the code of the last error that status knows.
func lastCode(x *computer) string {
	x.t.Helper()
	_, out, ended := x.start("status")
	<-ended
	var d statusJSON
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		x.t.Fatalf("%v: %s", err, out)
	}
	if d.Remote.LastError == nil {
		return ""
	}
	return d.Remote.LastError.Code
}

// forgetful is a remote whose renewed sign-in could not be kept.
type forgetful struct{ *memory.Remote }

func (forgetful) Unsaved() error {
	return hint.New(cloud.HintSignInNotSaved, errors.New("disk full"), "path", "/x/signin.json")
}

func TestAnUnsavedSignInIsSaid(t *testing.T) {
	a, where := onPlace(t, t.TempDir())
	var notes strings.Builder
	a.notes, a.contact.remote = &notes, forgetful{memory.New()}
	a.remember(nil)
	if a.code != exitRemarks || !strings.Contains(notes.String(), "/x/signin.json") {
		t.Errorf("exit code %d, %q", a.code, notes.String())
	}
	if h := a.healthOf(where); h.Error == nil || h.Error.Code != "signin_not_saved" {
		t.Errorf("it remembers %+v", h.Error)
	}
}

// Each of the words of proof says what it is about, and no other.
func TestProofSaysNoMoreThanIsKnown(t *testing.T) {
	var out strings.Builder
	a, _ := onPlace(t, t.TempDir())
	a.out = &out
	for by, want := range map[string]string{
		byChecksum: "confirmed by the service's own checksums", byFolder: "on the disk", byPresence: "present", byReading: "read back",
	} {
		out.Reset()
		a.tellKnown(by, 3, 4)
		if !strings.Contains(out.String(), want) || by != byChecksum && strings.Contains(out.String(), "confirmed") {
			t.Errorf("%s: %s", by, out.String())
		}
	}
	if !isRemoteTrouble(providers.Fail(providers.ErrRate, nil)) || isRemoteTrouble(context.DeadlineExceeded) || isRemoteTrouble(nil) {
		t.Error("what is a remote's trouble?")
	}
}
