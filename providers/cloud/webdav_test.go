package cloud

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/webdav"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// davHost is a WebDAV server over a folder of this computer.
type davHost struct {
	asked
	*httptest.Server
	dir    string
	bridge bool // shows what is put when it is whole
	page   int  // how many entries of a folder it lists; zero for all
	front  func(w http.ResponseWriter, r *http.Request) (answered bool)
}

const davUser, davPassword = "me", "a password of the server"

func newDAV(t *testing.T, kind string) *davHost {
	t.Helper()
	d := &davHost{dir: t.TempDir(), bridge: kind != "webdav"}
	h := &webdav.Handler{FileSystem: davTree{webdav.Dir(d.dir), &d.page}, LockSystem: webdav.NewMemLS(), Prefix: "/dav"}
	d.Server = httptest.NewServer(d.noting(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.front != nil && d.front(w, r) {
			return
		}
		if user, password, ok := r.BasicAuth(); !ok || user != davUser || password != davPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="dav"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if d.bridge && r.Method == http.MethodPut {
			d.take(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})))
	t.Cleanup(d.Close)
	return d
}

// take is a put of a bridge, which passes on what it has got whole.
func (d *davHost) take(w http.ResponseWriter, r *http.Request) {
	f, err := os.CreateTemp(d.dir, "upload-*")
	if err == nil {
		_, err = io.Copy(f, r.Body)
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.dir, strings.TrimPrefix(r.URL.Path, "/dav")))
	}
	if err != nil {
		os.Remove(f.Name())
		http.Error(w, "", http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// davTree says of what would lie in a file that it is not there.
type davTree struct {
	webdav.Dir
	page *int
}

// OpenFile opens a folder of which only a page is listed.
func (d davTree) OpenFile(ctx context.Context, name string, flag int, perm os.FileMode) (webdav.File, error) {
	f, err := d.Dir.OpenFile(ctx, name, flag, perm)
	return davFile{f, *d.page}, err
}

type davFile struct {
	webdav.File
	page int
}

func (f davFile) Readdir(n int) ([]os.FileInfo, error) {
	list, err := f.File.Readdir(n)
	if f.page > 0 && len(list) > f.page {
		list = list[:f.page]
	}
	return list, err
}

func (d davTree) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	info, err := d.Dir.Stat(ctx, name)
	if errors.Is(err, syscall.ENOTDIR) {
		err = iofs.ErrNotExist
	}
	return info, err
}

func (d *davHost) options(t *testing.T) Options {
	return Options{
		Home:     homeOf(t, map[string]string{"user": davUser, "pass": hidden(t, davPassword)}),
		Settings: map[string]string{"url": d.URL + "/dav/", "pacer_min_sleep": "1ms"},
		Limits:   Limits{RequestsPerMinute: -1},
	}
}

func TestConformanceOfWebDAV(t *testing.T) {
	for _, kind := range []string{"webdav", "openlist", "jianguoyun"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T) providers.Remote {
				return opened(t, kind, "chatkeep", newDAV(t, kind).options(t))
			})
		})
	}
}

// An upload that is cut leaves nothing under its name, and what it left the
// next one removes.
func TestWebDAVCut(t *testing.T) {
	d := newDAV(t, "webdav")
	r := opened(t, "webdav", "chatkeep", d.options(t))
	b := noise(3 << 20)
	_, err := r.Put(t.Context(), "a/x", cutSource{b, d.CloseClientConnections})
	if !errors.Is(err, providers.ErrTemporary) {
		t.Errorf("a cut upload: %v", err)
	}
	for _, path := range files(t, d.dir) {
		if !leftoverName.MatchString(path) {
			t.Errorf("it left %s", path)
		}
	}
	put(t, r, "a/x", string(b))
	if left := files(t, d.dir); !slices.Equal(left, []string{"chatkeep/a/x"}) {
		t.Errorf("left are %v", left)
	}
}

// The page of a network that wants a sign-in first is no answer, in whatever
// form it comes: least of all it says that something is not there.
func TestWebDAVPortal(t *testing.T) {
	page := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, text)
			return true
		}
	}
	const html = `<!DOCTYPE html><html><head><meta charset=utf-8><title>Welcome</title></head><body>Sign in<br></body></html>`
	const xhtml = `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Welcome</title></head><body><p>Sign in</p></body></html>`
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page(xhtml)(w, r) }))
	t.Cleanup(portal.Close)
	for name, front := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"HTML":  page(html),
		"XHTML": page(xhtml),
		"elsewhere": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, portal.URL+"/login", http.StatusFound)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDAV(t, "webdav")
			r := opened(t, "webdav", "chatkeep", d.options(t))
			put(t, r, "a/x", "x")
			put(t, r, "a/y", "y")
			r.objects.clear()
			d.front = front
			_, statErr := r.Stat(t.Context(), "a/x")
			_, getErr := r.Get(t.Context(), "a/x", 0, -1)
			_, putErr := r.Put(t.Context(), "a/z", providers.BytesSource(noise(1000)))
			for what, err := range map[string]error{"stat": statErr, "get": getErr, "put": putErr, "delete": r.Delete(t.Context(), "a/x")} {
				if !errors.Is(err, providers.ErrTemporary) || errors.Is(err, providers.ErrNotExist) {
					t.Errorf("%s: %v", what, err)
				}
				if found := hint.Find(err); what != "put" && (found == nil || found.Code != providers.HintPortal) {
					t.Errorf("%s: %v has the hint %+v", what, err, found)
				}
			}
			if _, err := tryOpened(t, "webdav", "chatkeep", d.options(t)); err != nil && !errors.Is(err, providers.ErrTemporary) {
				t.Errorf("open: %v", err)
			}
			d.front = nil
			if got := get(t, r, "a/x"); got != "x" {
				t.Errorf("afterwards there is %q", got)
			}
		})
	}
}

// What is not there is not there, before the place exists and after.
func TestWebDAVAbsent(t *testing.T) {
	d := newDAV(t, "webdav")
	r := opened(t, "webdav", "not/yet", d.options(t))
	check := func(want string) {
		t.Helper()
		d.since()
		if _, err := r.Stat(t.Context(), "a/x"); !errors.Is(err, providers.ErrNotExist) {
			t.Errorf("stat: %v", err)
		}
		if got := d.since(); got != want {
			t.Errorf("stat asked:\n%s\nwant:\n%s", got, want)
		}
	}
	check("PROPFIND /dav/not/yet/a/x\nPROPFIND /dav/not/yet\nPROPFIND /dav/")
	put(t, r, "b", "b")
	check("PROPFIND /dav/not/yet/a/x\nPROPFIND /dav/not/yet")
}

func TestWebDAVRefused(t *testing.T) {
	d := newDAV(t, "webdav")
	opt := d.options(t)
	opt.Home = homeOf(t, map[string]string{"user": davUser, "pass": hidden(t, "wrong")})
	_, err := tryOpened(t, "webdav", "chatkeep", opt)
	if !errors.Is(err, providers.ErrAuth) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	r := opened(t, "webdav", "chatkeep", d.options(t))
	d.front = func(w http.ResponseWriter, r *http.Request) bool {
		full := r.Method == http.MethodPut
		if full {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "", http.StatusInsufficientStorage)
		}
		return full
	}
	if _, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(1000))); !errors.Is(err, providers.ErrQuota) {
		t.Errorf("a full disk: %v", err)
	}
}

// A bridge that is busy with an object is left alone, and what lies there
// stays. Nothing is asked twice.
func TestBridgeLocked(t *testing.T) {
	d := newDAV(t, "openlist")
	r := opened(t, "openlist", "chatkeep", d.options(t))
	put(t, r, "a/x", "x")
	d.front = func(w http.ResponseWriter, r *http.Request) bool {
		locked := r.Method == http.MethodPut
		if locked {
			http.Error(w, "", http.StatusLocked)
		}
		return locked
	}
	d.since()
	_, err := r.Put(t.Context(), "a/x", providers.BytesSource([]byte("x")))
	if !errors.Is(err, providers.ErrRate) || providers.RetryAfter(err) != time.Minute {
		t.Errorf("locked: %v, again after %v", err, providers.RetryAfter(err))
	}
	if got, want := d.since(), "MKCOL /dav/chatkeep/a/\nPUT /dav/chatkeep/a/x"; got != want {
		t.Errorf("asked:\n%s\nwant:\n%s", got, want)
	}
	if got := get(t, r, "a/x"); got != "x" {
		t.Errorf("the object is %q now", got)
	}
}

// A bridge that has had enough is asked nothing for half an hour, not even
// after a restart.
func TestBridgeBlocked(t *testing.T) {
	d := newDAV(t, "jianguoyun")
	opt := d.options(t)
	r := opened(t, "jianguoyun", "chatkeep", opt)
	d.front = func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><d:error xmlns:d="DAV:" xmlns:s="http://ns.jianguoyun.com"><s:exception>BlockedTemporarily</s:exception><s:message>too many requests</s:message></d:error>`)
		return true
	}
	d.since()
	check := func(what string, err error) {
		t.Helper()
		if after := providers.RetryAfter(err); !errors.Is(err, providers.ErrRate) || after > 30*time.Minute || after < 29*time.Minute {
			t.Errorf("%s: %v, again after %v", what, err, after)
		}
	}
	_, err := r.Stat(t.Context(), "a/x")
	check("stat", err)
	if got, want := d.since(), "PROPFIND /dav/chatkeep/a/x"; got != want {
		t.Errorf("asked:\n%s\nwant:\n%s", got, want)
	}
	d.front = nil
	_, err = r.Stat(t.Context(), "a/x")
	check("stat again", err)
	_, err = tryOpened(t, "jianguoyun", "chatkeep", opt)
	check("open", err)
	if got := d.since(); got != "" {
		t.Errorf("it was asked all the same:\n%s", got)
	}
}

func TestBridgeTriesOnce(t *testing.T) {
	d := newDAV(t, "openlist")
	r := opened(t, "openlist", "chatkeep", d.options(t))
	d.front = func(w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, "", http.StatusInternalServerError)
		return true
	}
	d.since()
	if _, err := r.Stat(t.Context(), "a/x"); !errors.Is(err, providers.ErrTemporary) {
		t.Errorf("stat: %v", err)
	}
	if got, want := d.since(), "PROPFIND /dav/chatkeep/a/x"; got != want {
		t.Errorf("asked:\n%s\nwant:\n%s", got, want)
	}
}

// What is too large for a service is refused before it is sent, and for good.
func TestBridgeTooLarge(t *testing.T) {
	d := newDAV(t, "jianguoyun")
	r := opened(t, "jianguoyun", "chatkeep", d.options(t))
	d.since()
	_, err := r.Put(t.Context(), "packs/0/x", providers.FileSource("/never/opened", 500e6+1, nil))
	if err == nil || err.Error() != "put packs/0/x: it has 500000001 bytes, and jianguoyun:chatkeep takes no file over 500000000" {
		t.Errorf("put: %v", err)
	}
	for _, class := range []error{providers.ErrTemporary, providers.ErrRate, providers.ErrCorrupt, providers.ErrNotExist} {
		if errors.Is(err, class) {
			t.Errorf("%v would be tried again (%v)", err, class)
		}
	}
	if got := d.since(); got != "" {
		t.Errorf("asked:\n%s", got)
	}
}

// A bridge that lists a page of a folder, and not a word of the rest, hides
// nothing from who asks by name.
func TestBridgePage(t *testing.T) {
	d := newDAV(t, "jianguoyun")
	r := opened(t, "jianguoyun", "chatkeep", d.options(t))
	for _, name := range []providers.Name{"a/1", "a/2", "a/3", "a/4", "a/5"} {
		put(t, r, name, string(name))
	}
	d.page = 3
	r.objects.clear()
	shown := list(t, r, providers.ListOptions{})
	if len(shown) != 3 {
		t.Fatalf("listed %v", shown)
	}
	for _, name := range []providers.Name{"a/1", "a/2", "a/3", "a/4", "a/5"} {
		if info, err := r.Stat(t.Context(), name); err != nil || info.Size != 3 {
			t.Errorf("stat %s = %+v, %v", name, info, err)
		}
		put(t, r, name, string(name))
		if got := get(t, r, name); got != string(name) {
			t.Errorf("%s is %q", name, got)
		}
		if err := r.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
		if _, err := r.Stat(t.Context(), name); !errors.Is(err, providers.ErrNotExist) {
			t.Errorf("stat %s after its deletion: %v", name, err)
		}
	}
}
