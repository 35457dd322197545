package cloud

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chatkeep/chatkeep/internal/needs"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// smbHost is Samba, which serves a folder of this computer to the user who
// runs the test.
type smbHost struct {
	dir, port, user string

	mu      sync.Mutex
	serving []*os.Process
}

const smbPassword = "a password of the share"

func newSMB(t *testing.T) *smbHost {
	t.Helper()
	needs.Have(t, needs.Samba)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := &smbHost{dir: t.TempDir(), user: me.Username}
	own := t.TempDir()
	config := filepath.Join(own, "smb.conf")
	write(t, config, strings.NewReplacer("OWN", own, "DIR", h.dir).Replace(`[global]
	server role = standalone server
	passdb backend = smbpasswd:OWN/smbpasswd
	private dir = OWN
	lock directory = OWN
	state directory = OWN
	cache directory = OWN
	pid directory = OWN
	ncalrpc dir = OWN/ncalrpc
	log file = OWN/log
	load printers = no
	disable spoolss = yes
	map to guest = never
[share]
	path = DIR
	read only = no
`))
	run(t, smbPassword+"\n"+smbPassword+"\n", "pdbedit", "--configfile="+config, "--create", "--password-from-stdin", "-u", h.user)
	h.serve(t, config)
	return h
}

func run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// serve gives each connection to a Samba of its own, as inetd did: so there is
// nothing to wait for, and nothing is left running.
func (h *smbHost) serve(t *testing.T, config string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.port = fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { h.answer(t, config, conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		h.cut()
		all.Wait()
	})
}

func (h *smbHost) answer(t *testing.T, config string, conn *net.TCPConn) {
	socket, err := conn.File()
	conn.Close()
	if err != nil {
		t.Error(err)
		return
	}
	defer socket.Close()
	var log bytes.Buffer
	cmd := exec.Command("smbd", "--configfile="+config, "--no-process-group", "--debuglevel=0")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it ends its whole group when it ends
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	h.mu.Lock()
	h.serving = append(h.serving, cmd.Process)
	h.mu.Unlock()
	_ = cmd.Wait() // it always ends itself by a signal
	if log.Len() > 0 {
		t.Logf("smbd: %s", log.Bytes())
	}
}

// cut ends all connections.
func (h *smbHost) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.serving {
		_ = p.Kill()
	}
	h.serving = nil
}

func (h *smbHost) options(t *testing.T) Options {
	return Options{
		Home:     homeOf(t, map[string]string{"user": h.user, "pass": hidden(t, smbPassword)}),
		Settings: map[string]string{"host": "127.0.0.1", "port": h.port},
	}
}

func TestConformanceOfSMB(t *testing.T) {
	t.Parallel()
	h := newSMB(t)
	providertest.Run(t, func(t *testing.T) providers.Remote {
		return opened(t, "smb", "share/"+filepath.Base(t.Name()), h.options(t))
	})
}

func TestPromisesOfSMB(t *testing.T) {
	checkPromises(t, opened(t, "smb", "share/chatkeep", newSMB(t).options(t)), nil, false, false)
}

func TestSMBRefusesThePassword(t *testing.T) {
	h := newSMB(t)
	opt := h.options(t)
	opt.Home = homeOf(t, map[string]string{"user": h.user, "pass": hidden(t, "wrong")})
	_, err := tryOpened(t, "smb", "share/chatkeep", opt)
	if !errors.Is(err, providers.ErrAuth) {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestSMBNoSuchShare(t *testing.T) {
	_, err := tryOpened(t, "smb", "elsewhere/chatkeep", newSMB(t).options(t))
	if err == nil || errors.Is(err, providers.ErrTemporary) {
		t.Errorf("a share that is not there: %v", err)
	}
}

// An upload that is cut leaves nothing under its name, and what it left the
// next one removes.
func TestSMBCut(t *testing.T) {
	h := newSMB(t)
	r := opened(t, "smb", "share/chatkeep", h.options(t))
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
	put(t, r, "a/x", string(b))
	if left := files(t, h.dir); !slices.Equal(left, []string{"chatkeep/a/x"}) {
		t.Errorf("left are %v", left)
	}
}
