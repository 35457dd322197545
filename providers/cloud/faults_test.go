package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// A clock that moves only when somebody sleeps.
type slowClock struct {
	mu    sync.Mutex
	at    time.Time
	slept []time.Duration
	moves func(time.Duration) // somebody else's clock, if not nil
}

func (c *slowClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *slowClock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.slept = append(c.slept, d)
	if c.moves != nil {
		c.moves(d)
	}
	return ctx.Err()
}

func (c *slowClock) longest() (d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.slept {
		d = max(d, s)
	}
	return d
}

// A scene is one device of a world, as the program uses it: patient, and with
// objects of a few chunks.
type scene struct {
	*world
	kind, home string
	clock      *slowClock
	remote     *remote
	providers.Remote
}

const sceneChunk = 1280 << 10 // what both services allow

func newScene(t *testing.T, kind string, o fakecloud.Options) *scene {
	t.Helper()
	w := newWorld(t, o)
	return w.scene(kind, w.device(kind))
}

// scene opens the place for a home, as after a restart.
func (w *world) scene(kind, home string) *scene {
	w.t.Helper()
	s := &scene{world: w, kind: kind, home: home, clock: &slowClock{at: time.Now()}}
	if w.virtual {
		s.clock.moves = w.Advance
	}
	if err := s.reopen(); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (s *scene) options() Options {
	settings := map[string]string{}
	if kind := s.kind; kind == "drive" {
		settings = swift(kind)
	}
	return Options{Home: s.home, Proxy: s.Proxy(), CACert: s.CAFile(), Settings: settings, Limits: Limits{RequestsPerMinute: -1, ChunkSize: map[string]int64{"drive": 1 << 20, "onedrive": sceneChunk}[s.kind]}}
}

func (s *scene) reopen() error {
	return s.openWith(s.options())
}

func (s *scene) openWith(o Options) error {
	r, err := Open(context.Background(), providers.Place{Type: s.kind, Path: "chatkeep"}, o)
	if err != nil {
		return err
	}
	s.t.Cleanup(func() { _ = r.Close() })
	s.remote = r.(*remote)
	s.remote.gate.now, s.remote.gate.sleep = s.clock.now, s.clock.sleep
	s.Remote = providers.Reliable(s.remote, providers.RetryOptions{Sleep: s.clock.sleep})
	return nil
}

// once is the device without its patience.
func (s *scene) once() providers.Remote {
	return providers.Reliable(s.remote, providers.RetryOptions{Sleep: s.clock.sleep, Tries: 1, Resumes: 1})
}

// A crowd runs tests at once, more than there are processors: they wait for
// rclone's pacers, which know no virtual clock.
type crowd struct {
	t    *testing.T
	wg   sync.WaitGroup
	room chan struct{}
}

func newCrowd(t *testing.T) *crowd {
	return &crowd{t: t, room: make(chan struct{}, 32)}
}

// wait ends with the last of them.
func (c *crowd) wait() { c.wg.Wait() }

func (c *crowd) run(name string, test func(t *testing.T)) {
	c.wg.Go(func() {
		c.room <- struct{}{}
		defer func() { <-c.room }()
		c.t.Run(name, test)
	})
}

// randomBytes is what an object holds: nothing that could be taken for a page.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

const (
	small  providers.Name = "packs/aa/small"
	large  providers.Name = "packs/bb/large"
	before providers.Name = "packs/aa/kept" // what was there before anything went wrong
)

var contents = map[providers.Name][]byte{small: randomBytes(1, 3000), large: randomBytes(2, 3<<20+1234), before: randomBytes(3, 70_000)}

// errUnproven says that no checksum in an answer proved an upload.
var errUnproven = errors.New("it is not verified")

func putTo(r providers.Remote, name providers.Name) error {
	info, err := r.Put(context.Background(), name, providers.BytesSource(contents[name]))
	if err == nil && !info.Verified {
		return errUnproven
	}
	return err
}

func (s *scene) put(name providers.Name) error { return putTo(s, name) }

func getFrom(r providers.Remote, name providers.Name) error {
	in, err := r.Get(context.Background(), name, 0, -1)
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	if err == nil && !bytes.Equal(b, contents[name]) {
		return errors.New("something else was read")
	}
	return err
}

func (s *scene) get(name providers.Name) error { return getFrom(s, name) }

func (s *scene) list() (names []providers.Name, err error) {
	err = s.List(context.Background(), "", providers.ListOptions{}, func(i providers.Info) error {
		names = append(names, i.Name)
		return nil
	})
	slices.Sort(names)
	return names, err
}

// files returns the paths of the files that the cloud holds.
func (s *world) files(kind string) []string {
	paths := s.Graph().Paths()
	if kind == "drive" {
		paths = s.Drive().Paths()
	}
	return slices.DeleteFunc(paths, func(p string) bool { return strings.HasSuffix(p, "/") })
}

func (s *world) trashed(kind string) []string {
	if kind == "drive" {
		return s.Drive().Trashed()
	}
	return s.Graph().Trashed()
}

// holds checks that exactly these objects are there, once each and whole.
func (s *scene) holds(names ...providers.Name) {
	s.t.Helper()
	slices.Sort(names)
	var want []string
	for _, n := range names {
		want = append(want, "chatkeep/"+string(n))
		if err := s.get(n); err != nil {
			s.t.Errorf("get %s: %v", n, err)
		}
		if info, err := s.Stat(context.Background(), n); err != nil || info.Size != int64(len(contents[n])) {
			s.t.Errorf("stat %s: %+v, %v", n, info, err)
		}
	}
	if got := s.files(s.kind); !slices.Equal(got, want) {
		s.t.Errorf("the cloud holds %v, want %v", got, want)
	}
	if got, err := s.list(); err != nil || !slices.Equal(got, names) {
		s.t.Errorf("listed %v, %v", got, err)
	}
	if got := s.trashed(s.kind); len(got) > 0 && s.kind == "drive" { // a personal OneDrive has no way past it
		s.t.Errorf("in the trash: %v", got)
	}
}

// discreet checks that an error names nobody and opens nothing.
func (s *scene) discreet(err error) {
	s.t.Helper()
	text := err.Error()
	values := NewSignIn(s.home).Values()
	if in, err := OpenSignIn(s.home); err == nil {
		values = in.Values()
	}
	var token map[string]any
	_ = json.Unmarshal([]byte(values["token"]), &token)
	for _, key := range []string{"access_token", "refresh_token"} {
		values[key], _ = token[key].(string)
	}
	for _, key := range []string{"access_token", "refresh_token", "client_secret", "client_id", "drive_id", "root_folder_id"} {
		if values[key] != "" && strings.Contains(text, values[key]) {
			s.t.Errorf("%s stands in %q", key, text)
		}
	}
	if found := telltale.FindString(text); found != "" {
		s.t.Errorf("%q stands in %q", found, text)
	}
	if len(text) > 500 || strings.Contains(text, "<") || strings.Contains(text, "rclone config") {
		s.t.Errorf("it says too much: %q", text)
	}
}

var telltale = regexp.MustCompile(`https?://[^/\s"]+/|[\w.]+@[\w.]+|upload_id|tempauth`)

// fails checks what an error is.
func (s *scene) fails(err, class error, code hint.Code) {
	s.t.Helper()
	if err == nil {
		s.t.Error("it went well")
		return
	}
	for _, c := range []error{providers.ErrNotExist, providers.ErrAuth, providers.ErrQuota, providers.ErrRate, providers.ErrLimit, providers.ErrTemporary, providers.ErrPermission, providers.ErrCorrupt} {
		if errors.Is(err, c) != (c == class) {
			s.t.Errorf("%v is %v: %t", err, c, c != class)
		}
	}
	if h := hint.Find(err); h == nil || h.Code != code {
		s.t.Errorf("%v has hint %+v, want %s", err, h, code)
	}
	s.discreet(err)
}

// fault is an answer of the service's own making, in its words.
func fault(kind string, f fakecloud.Fault, status int, word, message string) fakecloud.Fault {
	make := fakecloud.GraphError
	if kind == "drive" {
		make = fakecloud.DriveError
	}
	f.Status, f.Body = make(status, word, message)
	if f.Header == nil {
		f.Header = http.Header{}
	}
	f.Header.Set("Content-Type", "application/json")
	return f
}

const pageBody = "<!DOCTYPE html>\n<html><head><title>Welcome to the hotel</title></head><body>Please sign in at http://hotel.example/login?session=abc for guest@hotel.example</body></html>"

var pageFault = fakecloud.Fault{Status: 200, Body: pageBody, Header: http.Header{"Content-Type": {"text/html"}}, Times: -1}

func with(f fakecloud.Fault, change func(*fakecloud.Fault)) fakecloud.Fault { change(&f); return f }

// What passes by itself costs a second try, and nothing else.
func TestPassingFaults(t *testing.T) {
	t.Parallel()
	type inject = func(s *scene)
	status := func(kind fakecloud.Kind, status int, skip int) inject {
		return func(s *scene) {
			s.Inject(fault(s.kind, fakecloud.Fault{Kind: kind, Skip: skip}, status, "backendError", "Backend Error"))
		}
	}
	drop := func(kind fakecloud.Kind, skip int, after bool) inject {
		return func(s *scene) {
			s.Inject(fakecloud.Fault{Kind: kind, Skip: skip, Drop: true, After: after, Times: 3})
		}
	}
	tests := []struct {
		name   string
		kinds  string // both if empty
		inject inject
		object providers.Name // put, with what was there read before
	}{
		{"nothing", "", func(*scene) {}, large},
		{"503 at the session", "", status(fakecloud.KindCreate, 503, 0), large},
		{"500 at a small object", "", status(fakecloud.KindCreate, 500, 0), small},
		{"503 at a chunk", "", status(fakecloud.KindChunk, 503, 1), large},
		{"500 at the last chunk", "", status(fakecloud.KindChunk, 500, 2), large},
		{"502 at the folder", "", status(fakecloud.KindFolder, 502, 0), large},
		{"504 for ids", "drive", status(fakecloud.KindIDs, 504, 0), small},
		{"423", "", func(s *scene) {
			s.Inject(fault(s.kind, fakecloud.Fault{Kind: fakecloud.KindCreate}, 423, "resourceLocked", "The resource is locked."))
		}, small},
		{"userRateLimitExceeded", "drive", func(s *scene) {
			s.Inject(fault(s.kind, fakecloud.Fault{Kind: fakecloud.KindCreate}, 403, "userRateLimitExceeded", "User Rate Limit Exceeded"))
		}, small},
		{"rateLimitExceeded at a chunk", "drive", func(s *scene) {
			s.Inject(fault(s.kind, fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 1}, 403, "rateLimitExceeded", "Rate Limit Exceeded"))
		}, large},
		{"429 with a page", "", func(s *scene) {
			s.Inject(fakecloud.Fault{Kind: fakecloud.KindCreate, Status: 429, Body: pageBody})
		}, small},
		{"session lost, 404", "", status(fakecloud.KindChunk, 404, 1), large},
		{"session lost, 410", "", status(fakecloud.KindChunk, 410, 1), large},
		{"answer lost, small", "", drop(fakecloud.KindCreate, 0, true), small},
		{"connection reset, small", "", drop(fakecloud.KindCreate, 0, false), small},
		{"answer of a chunk lost", "", drop(fakecloud.KindChunk, 1, true), large},
		{"answer of the last chunk lost", "drive", drop(fakecloud.KindChunk, 3, true), large},
		{"answer of the last chunk lost", "onedrive", drop(fakecloud.KindChunk, 2, true), large},
		{"answer of the last chunk lost once", "drive", func(s *scene) { s.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 3, After: true, Drop: true}) }, large},
		{"answer of the last chunk lost once", "onedrive", func(s *scene) { s.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 2, After: true, Drop: true}) }, large},
		{"connection reset at a chunk", "", drop(fakecloud.KindChunk, 1, false), large},
		{"half a chunk kept", "", func(s *scene) {
			s.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Skip: 1, Keep: 512 << 10})
		}, large},
		{"a page once instead of the session", "", func(s *scene) {
			s.Inject(with(pageFault, func(f *fakecloud.Fault) { f.Kind, f.Times = fakecloud.KindCreate, 1 }))
		}, large},
		{"a page once at a chunk", "", func(s *scene) {
			s.Inject(with(pageFault, func(f *fakecloud.Fault) { f.Kind, f.Skip, f.Times = fakecloud.KindChunk, 1, 1 }))
		}, large},
	}
	all := newCrowd(t)
	defer all.wait()
	for _, test := range tests {
		for _, kind := range []string{"drive", "onedrive"} {
			if test.kinds != "" && test.kinds != kind {
				continue
			}
			all.run(test.name+"/"+kind, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				s.remote.flush()
				s.ResetRequests()
				test.inject(s)
				err := s.put(test.object)
				if errors.Is(err, errUnproven) && kind == "onedrive" && strings.Contains(test.name, "lost") {
					err = nil // the answer that had the sum is the one that was lost
				}
				if err != nil {
					t.Fatal(err)
				}
				if n := len(s.Requests()); n > 30 {
					t.Errorf("it took %d requests:\n%s", n, s.asked())
				}
				s.ClearFaults()
				s.holds(before, test.object)
			})
		}
	}
}

// What doesn't pass ends in the right words, soon, and leaves what was there.
func TestLastingFaults(t *testing.T) {
	t.Parallel()
	lasting := func(kinds ...fakecloud.Kind) func(status int, word, message string) func(*scene) {
		return func(status int, word, message string) func(*scene) {
			return func(s *scene) {
				for _, k := range kinds {
					s.Inject(fault(s.kind, fakecloud.Fault{Kind: k, Times: -1}, status, word, message))
				}
			}
		}
	}
	create, read := lasting(fakecloud.KindCreate), lasting(fakecloud.KindList, fakecloud.KindLookup, fakecloud.KindFolder)
	download := lasting(fakecloud.KindDownload)
	page := func(kinds ...fakecloud.Kind) func(*scene) {
		return func(s *scene) {
			for _, k := range kinds {
				s.Inject(with(pageFault, func(f *fakecloud.Fault) { f.Kind = k }))
			}
		}
	}
	putSmall := func(s *scene) error { return s.put(small) }
	putLarge := func(s *scene) error { return s.put(large) }
	list := func(s *scene) error { _, err := s.list(); return err }
	stat := func(s *scene) error { _, err := s.Stat(context.Background(), before); return err }
	getKept := func(s *scene) error { return s.get(before) }
	remove := func(s *scene) error { return s.Delete(context.Background(), before) }
	tests := []struct {
		name   string
		kinds  string
		inject func(*scene)
		call   func(*scene) error
		class  error
		code   hint.Code
		tries  int // in all; 0 is all that are allowed, two
	}{
		{"503", "", create(503, "backendError", "Backend Error"), putSmall, providers.ErrTemporary, providers.HintUnreachable, 0},
		{"500 at chunks", "", lasting(fakecloud.KindChunk)(500, "generalException", "General exception"), putLarge, providers.ErrTemporary, providers.HintUnreachable, 0},
		{"rate", "drive", create(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), putSmall, providers.ErrRate, providers.HintRate, 0},
		{"rate", "onedrive", create(429, "activityLimitReached", "Throttled"), putSmall, providers.ErrRate, providers.HintRate, 0},
		{"rate of a listing", "drive", read(403, "rateLimitExceeded", "Rate Limit Exceeded"), list, providers.ErrRate, providers.HintRate, 0},
		{"423", "", create(423, "resourceLocked", "Locked"), putSmall, providers.ErrRate, providers.HintRate, 0},
		{"day limit", "drive", create(403, "userRateLimitExceeded", "User rate limit exceeded."), putSmall, providers.ErrLimit, providers.HintDayLimit, 1},
		{"day limit, large", "drive", create(403, "userRateLimitExceeded", "User rate limit exceeded."), putLarge, providers.ErrLimit, providers.HintDayLimit, 1},
		{"daily limit", "drive", create(403, "dailyLimitExceeded", "Daily Limit Exceeded"), putSmall, providers.ErrLimit, providers.HintDayLimit, 1},
		{"storageQuotaExceeded", "drive", create(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded."), putSmall, providers.ErrQuota, providers.HintFull, 1},
		{"507", "onedrive", create(507, "insufficientStorage", "Full"), putSmall, providers.ErrQuota, providers.HintFull, 1},
		{"507 with a page", "onedrive", func(s *scene) {
			s.Inject(fakecloud.Fault{Kind: fakecloud.KindCreate, Times: -1, Status: 507, Body: pageBody})
		}, putSmall, providers.ErrQuota, providers.HintFull, 1},
		{"quotaLimitReached", "onedrive", create(403, "quotaLimitReached", "Full"), putSmall, providers.ErrQuota, providers.HintFull, 1},
		{"full", "drive", func(s *scene) { s.Drive().SetQuota(100_000) }, putLarge, providers.ErrQuota, providers.HintFull, 1},
		{"full", "onedrive", func(s *scene) { s.Graph().SetQuota(100_000) }, putLarge, providers.ErrQuota, providers.HintFull, 1},
		{"too many files", "drive", create(403, "numChildrenInNonRootLimitExceeded", "Too many"), putSmall, providers.ErrQuota, providers.HintTooMany, 1},
		{"the API is off", "drive", create(403, "accessNotConfigured", "Google Drive API has not been used in project 123456789012 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/drive.googleapis.com/overview?project=123456789012 then retry."), putSmall, providers.ErrPermission, providers.HintAPI, 1},
		{"accessDenied", "onedrive", create(403, "accessDenied", "Access Denied"), putSmall, providers.ErrPermission, providers.HintPermission, 1},
		{"a page at a look-up", "", page(fakecloud.KindLookup, fakecloud.KindFolder, fakecloud.KindList), stat, providers.ErrTemporary, providers.HintPortal, 0},
		{"a page at a listing", "", page(fakecloud.KindList, fakecloud.KindFolder), list, providers.ErrTemporary, providers.HintPortal, 0},
		{"a page at a download", "", page(fakecloud.KindDownload), getKept, providers.ErrTemporary, providers.HintPortal, 0},
		{"a page at a creation", "", page(fakecloud.KindCreate), putSmall, providers.ErrTemporary, providers.HintPortal, 0},
		{"503 at a download", "", download(503, "backendError", "Backend Error"), getKept, providers.ErrTemporary, providers.HintUnreachable, 0},
		{"refused at a download", "drive", download(403, "downloadQuotaExceeded", "The download quota for this file has been exceeded."), getKept, providers.ErrLimit, providers.HintDayLimit, 1},
		{"429 at a deletion", "", lasting(fakecloud.KindDelete)(429, "tooManyRequests", "Too many"), remove, providers.ErrRate, providers.HintRate, 0},
		{"no network", "", func(s *scene) { s.SetOffline(true) }, putSmall, providers.ErrTemporary, providers.HintProxy, 0},
		{"no network for a listing", "", func(s *scene) { s.SetOffline(true) }, list, providers.ErrTemporary, providers.HintProxy, 0},
	}
	all := newCrowd(t)
	defer all.wait()
	for _, test := range tests {
		for _, kind := range []string{"drive", "onedrive"} {
			if test.kinds != "" && test.kinds != kind {
				continue
			}
			all.run(test.name+"/"+kind, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				test.inject(s)
				s.ResetRequests()
				tries := 1
				patient := s.Remote
				s.Remote = providers.Reliable(s.remote, providers.RetryOptions{Sleep: s.clock.sleep, Tries: 2, Notify: func(error, time.Duration) { tries++ }})
				err := test.call(s)
				s.Remote = patient
				s.fails(err, test.class, test.code)
				if want := test.tries; want == 0 && tries != 2 || want > 0 && tries != want {
					t.Errorf("%d tries", tries)
				}
				if n := len(s.Requests()); n > 25 {
					t.Errorf("%d requests:\n%s", n, s.asked())
				}
				if after := providers.RetryAfter(err); (after > 0) != (test.class == providers.ErrLimit) {
					t.Errorf("come back after %v", after)
				}
				s.ClearFaults()
				s.SetOffline(false)
				s.Drive().SetQuota(0)
				s.Graph().SetQuota(1 << 40)
				s.holds(before)
			})
		}
	}
}

// Reading goes on where it was cut.
func TestCutDownloads(t *testing.T) {
	t.Parallel()
	all := newCrowd(t)
	defer all.wait()
	for _, kind := range []string{"drive", "onedrive"} {
		for name, f := range map[string]fakecloud.Fault{
			"truncated": {Truncate: 1_000_000, Times: 3},
			"reset":     {Drop: true, Times: 3},
			"503":       {Status: 503, Times: 3},
		} {
			all.run(name+"/"+kind, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(large); err != nil {
					t.Fatal(err)
				}
				f.Kind = fakecloud.KindDownload
				s.Inject(f)
				s.ResetRequests()
				if err := s.get(large); err != nil {
					t.Fatal(err)
				}
				if n := len(s.Requests()); n > 20 {
					t.Errorf("%d requests:\n%s", n, s.asked())
				}
			})
		}
	}
}

// A download that says nothing any more is cut and resumed.
func TestStalledDownload(t *testing.T) {
	t.Parallel()
	all := newCrowd(t)
	defer all.wait()
	for _, kind := range []string{"drive", "onedrive"} {
		all.run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(large); err != nil {
				t.Fatal(err)
			}
			s.SetOffline(true) // the connections to come know the time
			fs.GetConfig(s.remote.config).Timeout = fs.Duration(300 * time.Millisecond)
			s.SetOffline(false)
			never := make(chan struct{})
			skip := map[string]int{"onedrive": 1}[kind] // Graph only says where the bytes are
			s.Inject(fakecloud.Fault{Kind: fakecloud.KindDownload, Skip: skip, Truncate: 1_000_000, Stall: never})
			if err := s.get(large); err != nil {
				t.Fatal(err)
			}
			if s.clock.longest() == 0 {
				t.Error("it was never cut")
			}
		})
	}
}
