package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// service is a cloud of the fake, as its owner sees it.
type service struct {
	kind   string
	chunk  string // the smallest one, so that a pack takes several
	signIn func(*fakecloud.Cloud) map[string]string
	expire func(*fakecloud.Cloud)
	files  func(*fakecloud.Cloud) holdings
	busy   func(status int) (int, string) // what it says when it wants no request
}

// holdings are what an account has. Folders may be among its paths.
type holdings interface {
	Files() map[string][]byte
	Paths() []string
}

var services = []service{{
	kind: "drive", chunk: "256KiB",
	signIn: func(c *fakecloud.Cloud) map[string]string { return c.Drive().SignIn("a") },
	expire: func(c *fakecloud.Cloud) { c.Drive().Expire() },
	files:  func(c *fakecloud.Cloud) holdings { return c.Drive().Account("a") },
	busy: func(status int) (int, string) {
		return fakecloud.DriveError(status, "rateLimitExceeded", "Rate Limit Exceeded")
	},
}, {
	kind: "onedrive", chunk: "320KiB",
	signIn: func(c *fakecloud.Cloud) map[string]string { return c.Graph().SignIn("a") },
	expire: func(c *fakecloud.Cloud) { c.Graph().Expire() },
	files:  func(c *fakecloud.Cloud) holdings { return c.Graph().Account("a") },
	busy: func(status int) (int, string) {
		return fakecloud.GraphError(status, "activityLimitReached", "The request has been throttled.")
	},
}}

// computer runs the program itself against a cloud. Several share a cloud, and
// nothing else.
type computer struct {
	t *testing.T
	service
	cloud *fakecloud.Cloud
	dir   string
	env   []string
	chats int64 // bytes of them
}

// newCloud starts a cloud that fails the test if it was not the only one that
// was asked for.
func newCloud(t *testing.T) *fakecloud.Cloud {
	t.Helper()
	c, err := fakecloud.Start(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if refused := c.Refused(); len(refused) > 0 {
			t.Errorf("somebody asked for %v", refused)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// newComputer is a computer where somebody has signed in.
func newComputer(t *testing.T, c *fakecloud.Cloud, s service) *computer {
	t.Helper()
	x := &computer{t: t, service: s, cloud: c, dir: t.TempDir()}
	for name, value := range map[string]string{"HOME": ".", "CHATKEEP_CONFIG": "chatkeep.yaml", "CHATKEEP_STATE": "state", "CHATKEEP_CACHE": "cache"} {
		x.env = append(x.env, name+"="+x.path(value))
	}
	x.env = append(x.env, "CHATKEEP_LANG=en")
	if err := cloud.NewSignIn(x.home()).Save(s.signIn(c)); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *computer) path(elem ...string) string {
	return filepath.Join(append([]string{x.dir}, elem...)...)
}

func (x *computer) remote() string { return x.kind + ":chatkeep" }

// home is where the program looks for the sign-in.
func (x *computer) home() string {
	x.t.Helper()
	where, err := config.ParseRemote(x.remote())
	if err != nil {
		x.t.Fatal(err)
	}
	home, err := remoteHome(where)
	if err != nil {
		x.t.Fatal(err)
	}
	return x.path("state", "remotes", filepath.Base(home))
}

// configure writes a configuration whose packs are small, and takes the proxy
// and the CA from it.
func (x *computer) configure() {
	x.write("chatkeep.yaml", []byte(fmt.Sprintf(`device: laptop
sources: [{name: chats, folder: %q}]
remote: {type: %s, folder: chatkeep, pack_size: 1MiB, chunk_size: %s, requests_per_minute: 6000, proxy: %q, ca_cert: %q}
`, x.path("chats"), x.kind, x.chunk, x.cloud.Proxy(), x.cloud.CAFile())))
}

func (x *computer) write(name string, content []byte) {
	x.t.Helper()
	if err := os.MkdirAll(filepath.Dir(x.path(name)), 0o755); err != nil {
		x.t.Fatal(err)
	}
	if err := os.WriteFile(x.path(name), content, 0o600); err != nil {
		x.t.Fatal(err)
	}
}

// chat writes n files of 1 MiB that nothing can compress, and a small one.
func (x *computer) chat(day string, n int) {
	random := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32s", day))))
	for i := range n {
		b := make([]byte, 1<<20)
		random.Read(b)
		x.write(fmt.Sprintf("chats/%s/%02d.mp4", day, i), b)
		x.chats += int64(len(b))
	}
	x.write("chats/"+day+"/msg.txt", []byte("你好 "+day))
}

// start starts a command. Its end, with its exit code, comes through the
// channel.
func (x *computer) start(args ...string) (cmd *exec.Cmd, out *bytes.Buffer, ended chan int) {
	x.t.Helper()
	out, ended = &bytes.Buffer{}, make(chan int, 1)
	cmd = exec.CommandContext(x.t.Context(), "chatkeep", append(args, "--json")...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = x.dir, append(os.Environ(), x.env...), out, os.Stderr
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	go func() {
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			x.t.Error(err)
		}
		ended <- cmd.ProcessState.ExitCode()
	}()
	return cmd, out, ended
}

// run runs a command that must do its work without a remark, and reads its
// document into v.
func (x *computer) run(v any, args ...string) {
	x.t.Helper()
	_, out, ended := x.start(args...)
	if code := <-ended; code != exitDone {
		x.t.Fatalf("%v: exit code %d\n%s", args, code, out)
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		x.t.Fatalf("%v: %v in %s", args, err, out)
	}
}

// backup makes a backup and returns what was asked meanwhile.
func (x *computer) backup() (backupJSON, requests) {
	x.t.Helper()
	x.cloud.ResetRequests()
	var d backupJSON
	x.run(&d, "backup")
	return d, x.cloud.Requests()
}

// stored are the objects the cloud has, each with its size. It must have each
// only once.
func (x *computer) stored() map[string]int {
	x.t.Helper()
	at := x.files(x.cloud)
	sizes, seen := map[string]int{}, map[string]bool{}
	for path, content := range at.Files() {
		sizes[path] = len(content)
	}
	for _, path := range at.Paths() {
		if seen[path] {
			x.t.Errorf("%s is there twice", path)
		}
		seen[path] = true
	}
	return sizes
}

func packsOf(stored map[string]int) (n int) {
	for path := range stored {
		if strings.HasPrefix(path, "chatkeep/packs/") {
			n++
		}
	}
	return n
}

func sum(stored map[string]int) (bytes int64) {
	for _, n := range stored {
		bytes += int64(n)
	}
	return bytes
}

type requests []fakecloud.Request

// but are those of other kinds.
func (list requests) but(kinds ...fakecloud.Kind) requests {
	return slices.DeleteFunc(slices.Clone(list), func(r fakecloud.Request) bool { return slices.Contains(kinds, r.Kind) })
}

func (list requests) of(kind fakecloud.Kind) (n int) { return len(list) - len(list.but(kind)) }

// up is how many bytes of objects were sent.
func (list requests) up() (n int64) {
	for _, r := range list {
		if r.Kind == fakecloud.KindCreate || r.Kind == fakecloud.KindChunk {
			n += r.Bytes
		}
	}
	return n
}

func (list requests) answered(status int) (n int) {
	for _, r := range list {
		if r.Status == status {
			n++
		}
	}
	return n
}

func (list requests) String() string {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "%s: %s %s?%s %d\n", r.Kind, r.Method, r.Path, r.Query, r.Status)
	}
	return b.String()
}

// few asserts that a backup made at most one creation per pack and three more.
func (x *computer) few(what string, asked requests, before, after map[string]int) {
	x.t.Helper()
	packs, all := packsOf(after)-packsOf(before), len(after)-len(before)
	x.t.Logf("%s: %d packs, %d objects; %d creations, %d requests, %d but for tokens and folders, %d bytes up",
		what, packs, all, asked.of(fakecloud.KindCreate), len(asked), len(asked.but(fakecloud.KindToken, fakecloud.KindFolder)), asked.up())
	if all > packs+3 {
		x.t.Errorf("%s: %d objects for %d packs", what, all, packs)
	}
	if n := asked.of(fakecloud.KindCreate); n > packs+3 {
		x.t.Errorf("%s: %d creations for %d packs:\n%s", what, n, packs, asked)
	}
}

// More than the objects themselves is sent for each: what it is called, and
// the marks around it.
const wrapping = 2 << 10

// The main job on a cloud, with the program itself: it is killed while a pack
// is on its way, goes on, meets what clouds do, and another computer that has
// the recovery key and a sign-in gets everything back.
func TestOnClouds(t *testing.T) {
	for _, s := range services {
		t.Run(s.kind, func(t *testing.T) {
			t.Parallel()
			x := newComputer(t, newCloud(t), s)
			x.configure()
			x.chat("monday", 9)
			x.run(&struct{}{}, "init")
			x.killed()
			x.resumed()
			x.unchanged()
			x.chat("tuesday", 3)
			x.beset()
			x.run(&struct{}{}, "verify")
			x.restored()
		})
	}
}

// killed kills a backup while a pack is on its way: of the chunk that the
// cloud waits with, and of every one after it, nothing has an effect.
func (x *computer) killed() {
	x.t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 17, Delay: held, Drop: true})
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 17, Times: -1, Delay: end, Drop: true})
	cmd, out, ended := x.start("backup")
	select {
	case held <- struct{}{}:
	case <-ended:
		x.t.Fatalf("the backup was over before it could be killed: %s", out)
	}
	if err := cmd.Process.Kill(); err != nil {
		x.t.Fatal(err)
	}
	<-ended
	close(end)
	x.cloud.Idle()
	x.cloud.ClearFaults()
}

// resumed makes the backup that was killed.
func (x *computer) resumed() {
	x.t.Helper()
	before := x.stored()
	if begun := requests(x.cloud.Requests()).of(fakecloud.KindCreate); packsOf(before) < 2 || begun <= packsOf(before) {
		x.t.Fatalf("%d packs were there and %d begun when it was killed", packsOf(before), begun)
	}
	d, asked := x.backup()
	after := x.stored()
	if d.Sequence != 1 || d.Partial {
		x.t.Errorf("the resumed backup is %+v", d)
	}
	x.few("resumed", asked, before, after)
	x.nothingTwice(asked, before, after)
}

// nothingTwice asserts that no more was sent than was missing, and that nothing
// was stored anew, under whatever name: the chats are all incompressible and
// different.
func (x *computer) nothingTwice(asked requests, before, after map[string]int) {
	x.t.Helper()
	missing := sum(after) - sum(before) + wrapping*int64(len(after)-len(before))
	if n := asked.up(); n > missing {
		x.t.Errorf("%d bytes were sent where at most %d were missing", n, missing)
	}
	if stored, most := sum(after)-padding(after), x.chats+x.chats/8; stored > most {
		x.t.Errorf("%d bytes are stored, of %d", stored, x.chats)
	}
}

// leastPack is what the smallest pack is padded to. How much is in it can't be
// told, but no whole chunk of a photo.
const leastPack = 263851

// padding is what of all that is stored may be no chats.
func padding(stored map[string]int) (bytes int64) {
	for name, n := range stored {
		if n == leastPack && strings.Contains(name, "/packs/") {
			bytes += leastPack
		}
	}
	return bytes
}

// unchanged makes a backup that has nothing to do.
func (x *computer) unchanged() {
	x.t.Helper()
	before := x.stored()
	_, asked := x.backup()
	x.few("nothing changed", asked, before, x.stored())
	if n := len(asked.but(fakecloud.KindToken, fakecloud.KindFolder)); n > 6 {
		x.t.Errorf("a backup with nothing changed made %d requests:\n%s", n, asked)
	}
}

// beset makes a backup to a cloud that does what clouds do.
func (x *computer) beset() {
	x.t.Helper()
	before := x.stored()
	x.expire(x.cloud)
	status, body := x.busy(http.StatusTooManyRequests)
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindCreate, Status: status, Body: body, Header: http.Header{"Retry-After": {"1"}, "Content-Type": {"application/json"}}})
	status, body = x.busy(http.StatusServiceUnavailable)
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 1, Status: status, Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 5, Drop: true})
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 8, After: true}) // its answer is lost
	x.cloud.Inject(fakecloud.Fault{Kind: fakecloud.KindCreate, Skip: 3, After: true})
	_, asked := x.backup()
	x.cloud.ClearFaults()
	if asked.answered(401) == 0 || asked.answered(429) != 1 || asked.answered(503) != 1 || asked.answered(0) < 3 {
		x.t.Errorf("not all that should go wrong did:\n%s", asked)
	}
	after := x.stored()
	packs, objects := packsOf(after)-packsOf(before), len(after)-len(before)
	x.t.Logf("beset: %d packs, %d objects; %d requests, %d bytes up", packs, objects, len(asked), asked.up())
	if packs < 3 || objects > packs+3 {
		x.t.Errorf("%d packs are %d objects", packs, objects)
	}
}

// restored restores everything on a bare computer. Proxy and CA are those of
// its environment.
func (x *computer) restored() {
	x.t.Helper()
	other := newComputer(x.t, x.cloud, x.service)
	other.env = append(other.env, "HTTPS_PROXY="+x.cloud.Proxy(), "SSL_CERT_FILE="+x.cloud.CAFile())
	var d restoreJSON
	other.run(&d, "restore", "latest", "--remote", x.remote(), "--identity", x.path("recovery.key"), "--to", other.path("restored"))
	if d.Sequence != 3 {
		x.t.Errorf("snapshot %d was restored", d.Sequence)
	}
	if diffs := madeup.Compare(x.path("chats"), other.path("restored", "chats")); len(diffs) > 0 {
		x.t.Errorf("restored with differences: %s", strings.Join(diffs, "; "))
	}
}

// A service that wants to be left alone for a minute keeps nobody from stopping
// the program, and what has arrived by then counts.
func TestStopWhileACloudWantsAPause(t *testing.T) {
	for _, s := range services {
		t.Run(s.kind, func(t *testing.T) {
			t.Parallel()
			x := newComputer(t, newCloud(t), s)
			x.configure()
			x.chat("monday", 6)
			x.run(&struct{}{}, "init")
			met := make(chan struct{})
			status, body := x.busy(http.StatusTooManyRequests)
			pause := fakecloud.Fault{Kind: fakecloud.KindCreate, Skip: 2, Status: status, Body: body, Delay: met, Header: http.Header{"Retry-After": {"60"}, "Content-Type": {"application/json"}}}
			x.cloud.Inject(pause)
			pause.Delay, pause.Times = nil, -1
			x.cloud.Inject(pause)
			cmd, out, ended := x.start("backup")
			select {
			case met <- struct{}{}:
			case <-ended:
				t.Fatalf("the backup was over before it was asked to pause: %s", out)
			}
			x.cloud.Idle()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case code := <-ended:
				if code != exitFailed {
					t.Errorf("exit code %d", code)
				}
			case <-time.After(10 * time.Second): // promised: 2 s
				t.Fatal("still running long after SIGTERM")
			}
			x.cloud.Idle()
			x.cloud.ClearFaults()
			x.minuteLater()
			x.resumedAfterPause()
		})
	}
}

// minuteLater forgets that the service wanted a pause.
func (x *computer) minuteLater() {
	if err := os.Remove(filepath.Join(x.home(), "budget.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		x.t.Fatal(err)
	}
}

func (x *computer) resumedAfterPause() {
	x.t.Helper()
	before := x.stored()
	d, asked := x.backup()
	if d.Sequence != 1 {
		x.t.Errorf("snapshot %d", d.Sequence)
	}
	after := x.stored()
	x.few("after a pause", asked, before, after)
	x.nothingTwice(asked, before, after)
}
