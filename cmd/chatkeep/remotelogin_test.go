package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/i18n"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

// startCloud is the story's command cloud: it starts a cloud and puts its
// proxy, its CA and its clients into files, where they say ${PROXY} and so on,
// and into the environment.
func startCloud(ts *testscript.TestScript, _ bool, args []string) {
	c, err := fakecloud.Start(fakecloud.Options{})
	ts.Check(err)
	ts.Defer(func() {
		refused := c.Refused()
		ts.Check(c.Close())
		if len(refused) > 0 {
			ts.Fatalf("somebody asked for %v", refused)
		}
	})
	clouds.Store(ts, c)
	values := map[string]string{
		"PROXY": c.Proxy(), "CA": c.CAFile(), "MICROSOFT_CLIENT": c.Graph().App("global"),
		"GOOGLE_CLIENT": fakecloud.GoogleClientID, "GOOGLE_SECRET": fakecloud.GoogleClientSecret,
	}
	for _, name := range args {
		change(ts, ts.MkAbs(name), func(b []byte) []byte {
			return []byte(os.Expand(string(b), func(key string) string { return values[key] }))
		})
	}
	for key, value := range values {
		ts.Setenv("CLOUD_"+key, value)
	}
}

// cloudClient is the way to the story's cloud, whatever the system trusts.
func cloudClient() (*http.Client, error) {
	pem, err := os.ReadFile(os.Getenv("CLOUD_CA"))
	if err != nil {
		return nil, err
	}
	proxy, err := url.Parse(os.Getenv("CLOUD_PROXY"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "http" { // back to the program that waits
				return nil, nil
			}
			return proxy, nil
		},
	}}, nil
}

// browserMain is a browser whose user agrees to everything.
func browserMain() {
	client, err := cloudClient()
	if err == nil {
		var res *http.Response
		if res, err = client.Get(os.Args[len(os.Args)-1]); err == nil {
			res.Body.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// elsewhereMain runs a command, opens the address it shows on another device,
// and pastes the address the browser ends at.
func elsewhereMain() {
	if err := elsewhere(os.Args[1], os.Args[2:]...); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func elsewhere(name string, args ...string) error {
	client, err := cloudClient()
	if err != nil {
		return err
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := exec.Command(name, args...)
	c.Stdout = os.Stdout
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	notes, err := c.StderrPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(notes); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		fmt.Fprintln(os.Stderr, line)
		if !strings.HasPrefix(line, "https://") || !strings.Contains(line, "state=") {
			continue
		}
		res, err := client.Get(line)
		if err != nil {
			return err
		}
		res.Body.Close()
		fmt.Fprintln(in, res.Header.Get("Location"))
	}
	return c.Wait()
}

// asking is an app without a terminal; what it says is in the buffer.
func asking() (*app, *bytes.Buffer) {
	var notes bytes.Buffer
	return &app{out: io.Discard, notes: &notes, getenv: os.Getenv, say: i18n.For(i18n.English).Say}, &notes
}

// Without a terminal a question names the flag that answers it.
func TestAskNamesTheFlag(t *testing.T) {
	a, _ := asking()
	_, err := a.asker()(t.Context(), signin.Question{Key: "login.ask.user", Flag: "--user"})
	if !hint.Is(err, "usage") || err.Error() != "User name: there is no terminal to ask at; answer with --user" {
		t.Errorf("%v", err)
	}
}

func TestChosen(t *testing.T) {
	q := signin.Question{Choices: []signin.Choice{{ID: "a", Text: "one"}, {ID: "b", Text: "two"}}}
	for in, want := range map[string]string{"1": "a", " 2 ": "b", "3": "3", "0": "0", "-1": "-1", "b": "b", "": ""} {
		if got := chosen(q, in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// A question ends with the command, even if nobody answers.
func TestAwaitEndsWithTheCommand(t *testing.T) {
	a, _ := asking()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	_, err := a.await(ctx, false, func() (string, error) { cancel(); <-release; return "", nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestRemoteHome(t *testing.T) {
	state := t.TempDir()
	t.Setenv("CHATKEEP_STATE", state)
	seen := map[string]bool{}
	for _, r := range []config.Remote{
		{Type: "drive", Folder: "chatkeep"}, {Type: "drive", Folder: "chatkeep2"}, {Type: "onedrive", Folder: "chatkeep"}, {Type: "drive", Folder: "a/../b"},
	} {
		home, err := remoteHome(r)
		again, _ := remoteHome(r)
		name := filepath.Base(home)
		if err != nil || home != again || seen[home] || filepath.Dir(home) != filepath.Join(state, "remotes") ||
			!regexp.MustCompile(`^(one)?drive-[0-9a-f]{12}$`).MatchString(name) {
			t.Errorf("%v: %s %v", r, home, err)
		}
		seen[home] = true
	}
	if home, _ := remoteHome(config.Remote{Type: "drive", Folder: "chatkeep"}); filepath.Base(home) != "drive-"+driveChatkeep {
		t.Errorf("the home of drive:chatkeep is now %s: nobody's sign-in would be found any more", home)
	}
}

// driveChatkeep begins the SHA-256 of drive:chatkeep.
const driveChatkeep = "4d7031ec5c60"

func TestBrowserChoice(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"firefox --new-window": {"BROWSER": "firefox --new-window:chromium", "DISPLAY": ":0"},
		"lynx":                 {"BROWSER": "lynx"},
	} {
		a := &app{getenv: func(key string) string { return env[key] }}
		if got := strings.Join(a.browser(), " "); got != want && !slices.Contains([]string{"rundll32 url.dll,FileProtocolHandler"}, got) {
			t.Errorf("%v: %q", env, got)
		}
	}
}

func TestReadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if got, err := readInput("--token", write("good", "secret\n")); got != "secret\n" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	for name, path := range map[string]string{
		"empty": write("empty", " \n"), "too long": write("long", strings.Repeat("x", maxInput+1)),
		"a folder": dir, "the secret itself": `{"access_token":"never-to-be-seen"}`,
	} {
		_, err := readInput("--token", path)
		if !hint.Is(err, "login_input") || strings.Contains(err.Error(), "never") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRemoteClient(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bad, bad + ".none"} {
		if _, err := remoteClient(config.Remote{CACert: path}); !hint.Is(err, "login_ca") {
			t.Errorf("%v", err)
		}
	}
	c, err := remoteClient(config.Remote{Proxy: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := c.Transport.(*http.Transport).Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "www.googleapis.com"}})
	if err != nil || proxy.String() != "http://127.0.0.1:1" || c.Timeout == 0 {
		t.Errorf("%v %v", proxy, err)
	}
}

// Every sentence that the sign-in names is in the catalogue, and every one in
// the catalogue is named: some keys are put together when the program runs.
func TestLoginSentences(t *testing.T) {
	var code []byte
	for _, glob := range []string{"../../providers/cloud/signin/*.go", "*.go"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(name, "_test.go") {
				code = append(code, text...)
			}
		}
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`"(login\.[a-z_.]+[a-z_])"`).FindAllSubmatch(code, -1) {
		named[string(m[1])] = true
	}
	for _, service := range []string{"drive", "onedrive", "dropbox"} {
		named["login."+service+".steps"], named["login.ask.client_id."+service] = true, true
	}
	for _, what := range []string{"address", "code"} {
		named["login.open."+what], named["login.ask."+what] = true, true
	}
	for _, what := range []string{"client_id", "client_secret", "tenant"} {
		named["login.what."+what] = true
	}
	for key := range named {
		if !i18n.For(i18n.English).Has(key) {
			t.Errorf("%s is not in the catalogue", key)
		}
	}
	for _, key := range i18n.Keys() {
		if strings.HasPrefix(key, "login.") && !named[key] {
			t.Errorf("nobody says %s", key)
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d keys found: does this test still look in the right place?", len(named))
	}
}

// What a service says can't write elsewhere on the terminal.
func TestSpeakIsPrintable(t *testing.T) {
	a, notes := asking()
	a.speak("login.device", "url", "https://example.com/\x1b[2J", "code", "A\x9bB\u202e")
	if strings.ContainsAny(notes.String(), "\x1b\u202e") || strings.Contains(notes.String(), "\x9b") || !strings.Contains(notes.String(), `https://example.com/\u001b[2J`) {
		t.Errorf("%q", notes)
	}
}

// A login that is killed while it tries its new sign-in leaves that nowhere but
// in the remote's home, and the next one removes it.
func TestKilledLoginLeavesNoSecret(t *testing.T) {
	s := services[0]
	c := newCloud(t)
	x := newComputer(t, c, s)
	x.configure()
	temp := t.TempDir()
	x.env = append(x.env, "BROWSER=browser", "TMPDIR="+temp, "TMP="+temp, "CLOUD_CA="+c.CAFile(), "CLOUD_PROXY="+c.Proxy())
	held, end := make(chan struct{}), make(chan struct{})
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindAbout, Delay: held, Truncate: 1, Stall: end})
	cmd, out, ended := x.start("remote", "login")
	select {
	case held <- struct{}{}:
	case <-ended:
		t.Fatalf("the login was over before it could be killed: %s", out)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	close(end)
	c.Idle()
	if left, err := os.ReadDir(temp); len(left) > 0 || err != nil {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
	x.run(&struct{}{}, "remote", "login")
	left, err := os.ReadDir(x.path("state", "remotes"))
	if len(left) != 1 || left[0].Name() != filepath.Base(x.home()) || err != nil {
		t.Errorf("left beside the sign-in: %v, %v", left, err)
	}
}

// Nobody has vouched for the key that an SSH server shows first. The person can.
func TestLoginShowsTheHostKey(t *testing.T) {
	const key, fingerprint = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
	for kept, want := range map[string][]string{
		"ssh-ed25519 " + key:                     {fingerprint + " (ssh-ed25519)"},
		"ssh-ed25519 " + key + ",ssh-rsa " + key: {fingerprint + " (ssh-ed25519)", fingerprint + " (ssh-rsa)"},
		"":                                       nil, "ssh-ed25519": nil, "ssh-ed25519 ?": nil,
	} {
		store := cloud.NewSignIn(t.TempDir())
		if err := store.Save(map[string]string{cloud.KeyHostKeys: kept}); err != nil {
			t.Fatal(err)
		}
		if got := loginDocument(config.Remote{Type: "sftp", Folder: "x"}, store).HostKeys; !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", kept, got, want)
		}
	}
}
