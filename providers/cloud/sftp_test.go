package cloud

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// sshHost is an SSH server that serves a folder of this computer.
type sshHost struct {
	dir      string
	keys     []ssh.Signer // its own
	user     ssh.Signer   // one that may come in
	listener net.Listener

	mu      sync.Mutex
	open    map[net.Conn]bool
	met     int // connections that got as far as showing who they are
	serving sync.WaitGroup
}

const sshUser, sshPassword = "keeper", "a password of the host"

func newSSHHost(t *testing.T, keys ...ssh.Signer) *sshHost {
	t.Helper()
	if len(keys) == 0 {
		keys = []ssh.Signer{edKey(t)}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &sshHost{dir: t.TempDir(), keys: keys, user: edKey(t), listener: listener, open: map[net.Conn]bool{}}
	h.serving.Go(h.accept)
	t.Cleanup(func() {
		listener.Close()
		h.cut()
		h.serving.Wait()
	})
	return h
}

func edKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, key)
}

func ecKey(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, key)
}

func signer(t *testing.T, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *sshHost) accept() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		h.open[conn] = true
		h.mu.Unlock()
		h.serving.Go(func() {
			h.serve(conn)
			conn.Close()
			h.mu.Lock()
			delete(h.open, conn)
			h.mu.Unlock()
		})
	}
}

// cut ends all connections.
func (h *sshHost) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.open {
		conn.Close()
	}
}

// shown counts the connections whose other side told who it is: those that
// believed the server.
func (h *sshHost) shown() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.met
}

func (h *sshHost) serve(conn net.Conn) {
	config := &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, unless(string(password) == sshPassword)
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, unless(bytes.Equal(key.Marshal(), h.user.PublicKey().Marshal()))
		},
		AuthLogCallback: func(ssh.ConnMetadata, string, error) {
			h.mu.Lock()
			h.met++
			h.mu.Unlock()
		},
	}
	for _, k := range h.keys {
		config.AddHostKey(k)
	}
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	h.serving.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		h.serving.Go(func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		})
		h.serving.Go(func() {
			defer channel.Close()
			if s, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(h.dir)); err == nil {
				_ = s.Serve()
			}
		})
	}
}

func unless(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("no")
}

func (h *sshHost) port() string { return fmt.Sprint(h.listener.Addr().(*net.TCPAddr).Port) }

// known is a file that names the host with these keys.
func (h *sshHost) known(t *testing.T, keys ...ssh.Signer) string {
	t.Helper()
	text := ""
	for _, k := range keys {
		text += knownhosts.Line([]string{h.listener.Addr().String()}, k.PublicKey()) + "\n"
	}
	path := filepath.Join(t.TempDir(), "known_hosts")
	write(t, path, text)
	return path
}

func (h *sshHost) options(t *testing.T) Options {
	return Options{
		Home:     homeOf(t, map[string]string{"user": sshUser, "pass": hidden(t, sshPassword)}),
		Settings: map[string]string{"host": "127.0.0.1", "port": h.port(), "known_hosts_file": h.known(t, h.keys...)},
	}
}

func TestConformanceOfSFTP(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providers.Remote {
		h := newSSHHost(t)
		return opened(t, "sftp", "chatkeep", h.options(t))
	})
}

func TestSFTPWithKeyFile(t *testing.T) {
	h := newSSHHost(t)
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if h.user, err = ssh.NewSignerFromKey(key); err != nil || public == nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("locked"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "id")
	write(t, path, string(pem.EncodeToMemory(block)))
	opt := h.options(t)
	opt.Home = homeOf(t, map[string]string{"user": sshUser, "key_file": path, "key_file_pass": hidden(t, "locked")})
	r := opened(t, "sftp", "chatkeep", opt)
	put(t, r, "a/x", "x")
	if got := get(t, r, "a/x"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestSFTPRefusesThePassword(t *testing.T) {
	h := newSSHHost(t)
	opt := h.options(t)
	opt.Home = homeOf(t, map[string]string{"user": sshUser, "pass": hidden(t, "wrong")})
	_, err := tryOpened(t, "sftp", "chatkeep", opt)
	if !errors.Is(err, providers.ErrAuth) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// Nobody is told the password who has not shown to be the host.
func TestSFTPHostKey(t *testing.T) {
	ed, ec, other := edKey(t), ecKey(t), edKey(t)
	line := func(k ssh.Signer) string {
		return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey())))
	}
	for _, tt := range []struct {
		name    string
		known   []ssh.Signer      // what the file says, if there is one
		ssh     []ssh.Signer      // what ~/.ssh/known_hosts says, if there is one
		values  map[string]string // of the sign-in
		options map[string]string
		want    hint.Code // none if it connects
	}{
		{name: "in the file", known: []ssh.Signer{ed}},
		{name: "one of two, not the one Go asks for first", known: []ssh.Signer{ed}},
		{name: "both", known: []ssh.Signer{ec, ed}},
		{name: "where ssh keeps them", ssh: []ssh.Signer{ed}},
		{name: "kept at the sign-in", values: map[string]string{"host_keys": line(ed)}},
		{name: "to be kept", values: map[string]string{"pin_host_key": "true"}},
		{name: "to be kept, though ssh knows the host", ssh: []ssh.Signer{ec}, values: map[string]string{"pin_host_key": "true"}},

		{name: "nobody said", want: providers.HintHostKey},
		{name: "not in the file", known: []ssh.Signer{}, ssh: []ssh.Signer{ed}, want: providers.HintHostKey},
		{name: "no such file", options: map[string]string{"known_hosts_file": "/nowhere/known_hosts"}, ssh: []ssh.Signer{ed}, want: providers.HintHostKey},
		{name: "not to be looked at", options: map[string]string{"known_hosts_file": "none"}, ssh: []ssh.Signer{ed}, want: providers.HintHostKey},
		{name: "kept key is no key", values: map[string]string{"host_keys": "ssh-ed25519 AAAA"}, want: providers.HintHostKey},

		{name: "changed", known: []ssh.Signer{other}, want: providers.HintHostKeyChanged},
		{name: "changed where ssh keeps them", ssh: []ssh.Signer{other}, want: providers.HintHostKeyChanged},
		{name: "changed since ssh saw it, and to be kept", ssh: []ssh.Signer{other}, values: map[string]string{"pin_host_key": "true"}, want: providers.HintHostKeyChanged},
		{name: "changed since the sign-in", values: map[string]string{"host_keys": line(other)}, want: providers.HintHostKeyChanged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newSSHHost(t, ed, ec)
			home := t.TempDir()
			t.Setenv("HOME", home)
			values := map[string]string{"user": sshUser, "pass": hidden(t, sshPassword)}
			for k, v := range tt.values {
				values[k] = v
			}
			settings := map[string]string{"host": "127.0.0.1", "port": h.port()}
			for k, v := range tt.options {
				settings[k] = v
			}
			if tt.known != nil {
				settings["known_hosts_file"] = h.known(t, tt.known...)
			}
			if tt.ssh != nil {
				text, err := os.ReadFile(h.known(t, tt.ssh...))
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(home, ".ssh/known_hosts"), string(text))
			}
			_, err := tryOpened(t, "sftp", "chatkeep", Options{Home: homeOf(t, values), Settings: settings})
			if tt.want == "" {
				if err != nil || h.shown() == 0 {
					t.Errorf("open: %v", err)
				}
				return
			}
			found := hint.Find(err)
			if found == nil || found.Code != tt.want || !errors.Is(err, providers.ErrPermission) || errors.Is(err, providers.ErrTemporary) {
				t.Errorf("open: %v, hint %+v", err, found)
			}
			if h.shown() != 0 {
				t.Error("the host was told who it is")
			}
		})
	}
}

// A key that is kept at the first connection is the only one from then on.
func TestSFTPKeepsTheHostKey(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	first := newSSHHost(t)
	home := homeOf(t, map[string]string{"user": sshUser, "pass": hidden(t, sshPassword), "pin_host_key": "true"})
	opt := Options{Home: home, Settings: map[string]string{"host": "127.0.0.1", "port": first.port()}}
	opened(t, "sftp", "chatkeep", opt)
	s, err := OpenSignIn(home)
	if err != nil {
		t.Fatal(err)
	}
	if pin, _ := s.Get("pin_host_key"); pin != "" {
		t.Error("the next key would be taken too")
	}
	second := newSSHHost(t)
	opt.Settings["port"] = second.port()
	_, err = tryOpened(t, "sftp", "chatkeep", opt)
	if found := hint.Find(err); found == nil || found.Code != providers.HintHostKeyChanged || second.shown() != 0 {
		t.Errorf("another host: %v", err)
	}
}

// An upload that is cut leaves nothing under its name, and what it left the
// next one removes.
func TestSFTPCut(t *testing.T) {
	h := newSSHHost(t)
	r := opened(t, "sftp", "chatkeep", h.options(t))
	b := noise(3 << 20)
	_, err := r.Put(t.Context(), "a/x", cutSource{b, h.cut})
	if !errors.Is(err, providers.ErrTemporary) {
		t.Errorf("a cut upload: %v", err)
	}
	for _, path := range files(t, h.dir) {
		if !leftoverName.MatchString(path) {
			t.Errorf("it left %s", path)
		}
	}
	if _, err := r.Stat(t.Context(), "a/x"); !errors.Is(err, providers.ErrNotExist) {
		t.Errorf("stat: %v", err)
	}
	put(t, r, "a/x", string(b))
	if left := files(t, h.dir); !slices.Equal(left, []string{"chatkeep/a/x"}) {
		t.Errorf("left are %v", left)
	}
}

// cutSource calls cut after it has given a part of its bytes.
type cutSource struct {
	b   []byte
	cut func()
}

func (s cutSource) Size() int64                          { return int64(len(s.b)) }
func (s cutSource) Sums() map[providers.Algorithm]string { return nil }
func (s cutSource) Open() (io.ReadCloser, error) {
	half := len(s.b) / 2
	return io.NopCloser(io.MultiReader(bytes.NewReader(s.b[:half]), &calling{s.cut}, bytes.NewReader(s.b[half:]))), nil
}

// calling is an empty reader that calls something.
type calling struct{ f func() }

func (c *calling) Read([]byte) (int, error) {
	c.f()
	return 0, io.EOF
}
