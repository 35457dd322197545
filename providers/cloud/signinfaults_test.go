package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

var bothClouds = []string{"drive", "onedrive"}

// killTokens makes the service refuse access tokens that still look good.
func (s *scene) killTokens() {
	s.Drive().Expire()
	s.Graph().Expire()
}

// revoke takes the sign-in back, whole.
func (s *scene) revoke() {
	s.killTokens()
	s.Drive().Revoke()
	s.Graph().Revoke()
}

func token(t *testing.T, home string) (access, refresh string, expiry time.Time) {
	t.Helper()
	in, err := OpenSignIn(home)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := in.Get("token")
	var v struct {
		Access  string    `json:"access_token"`
		Refresh string    `json:"refresh_token"`
		Expiry  time.Time `json:"expiry"`
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v.Access, v.Refresh, v.Expiry
}

// A token that is refused before its time is renewed once, and nobody notices.
func TestRefusedTokenIsRenewed(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*scene) error{
		"put":   func(s *scene) error { return s.put(small) },
		"large": func(s *scene) error { return s.put(large) },
		"get":   func(s *scene) error { return s.get(before) },
		"list":  func(s *scene) error { _, err := s.list(); return err },
		"stat":  func(s *scene) error { _, err := s.Stat(context.Background(), before); return err },
		"usage": func(s *scene) error { _, err := s.remote.Usage(context.Background()); return err },
		"delete": func(s *scene) error {
			return s.Delete(context.Background(), "packs/aa/none")
		},
		"open": (*scene).reopen,
	}
	all := newCrowd(t)
	defer all.wait()
	for _, kind := range bothClouds {
		for name, call := range calls {
			all.run(name+"/"+kind, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				old, _, _ := token(t, s.home)
				s.killTokens()
				s.ResetRequests()
				if err := call(s); err != nil {
					t.Fatal(err)
				}
				if n := s.Count(fakecloud.KindToken); n < 1 || n > 2 { // Microsoft's are asked for in two ways
					t.Errorf("%d tokens were asked for:\n%s", n, s.asked())
				}
				if now, _, expiry := token(t, s.home); now == old || !expiry.After(time.Now()) {
					t.Errorf("kept is a token that ends %v", expiry)
				}
				if err := s.get(before); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A service that refuses the new token as well is believed.
func TestRefusedAgain(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			for _, k := range []fakecloud.Kind{fakecloud.KindCreate, fakecloud.KindLookup, fakecloud.KindGet} {
				s.Inject(fault(kind, fakecloud.Fault{Kind: k, Times: -1}, 401, map[string]string{"drive": "authError", "onedrive": "InvalidAuthenticationToken"}[kind], "Invalid Credentials"))
			}
			s.ResetRequests()
			s.fails(s.put(small), providers.ErrAuth, providers.HintAuth)
			s.fails(s.put(small), providers.ErrAuth, providers.HintAuth)
			if n := s.Count(fakecloud.KindToken); n > 2 {
				t.Errorf("%d tokens were asked for", n)
			}
			s.ClearFaults()
			s.holds(before)
		})
	}
}

// The token's end, as this computer's clock has it, is not believed either.
func TestTokenOfWrongClock(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			in, err := OpenSignIn(s.home)
			if err != nil {
				t.Fatal(err)
			}
			access, refresh, _ := token(t, s.home)
			text, err := json.Marshal(map[string]any{"access_token": access, "token_type": "Bearer", "refresh_token": refresh, "expiry": time.Now().AddDate(10, 0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			in.Set("token", string(text))
			if err := in.Err(); err != nil {
				t.Fatal(err)
			}
			s.killTokens()
			if err := s.reopen(); err != nil {
				t.Fatal(err)
			}
			if err := s.put(small); err != nil {
				t.Fatal(err)
			}
			if _, _, expiry := token(t, s.home); expiry.After(time.Now().AddDate(1, 0, 0)) {
				t.Errorf("the new one ends %v", expiry)
			}
		})
	}
}

// The certificates that rclone reads again may be gone by then; it would end
// the process.
func TestCertificatesGone(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			for _, what := range []func(string) error{os.Remove, func(path string) error { return os.WriteFile(path, []byte("half a"), 0o600) }} {
				s.clock.sleep(context.Background(), time.Hour)
				if err := what(filepath.Join(s.home, bundleFile)); err != nil {
					t.Fatal(err)
				}
				s.killTokens()
				if err := s.put(small); err != nil {
					t.Fatal(err)
				}
				if _, err := s.remote.Usage(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Many calls that are refused at once renew once.
func TestRefusedTogether(t *testing.T) {
	t.Parallel()
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			s.killTokens()
			s.ResetRequests()
			errs := make(chan error)
			for range 4 {
				go func() {
					_, err := s.Stat(context.Background(), before)
					errs <- err
				}()
			}
			for range 4 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			if n := s.Count(fakecloud.KindToken); n > 2 {
				t.Errorf("%d tokens were asked for", n)
			}
		})
	}
}

// What ends the sign-in says so, at once, wherever it is met.
func TestSignedOut(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*scene){
		"revoked":                (*scene).revoke,
		"lapsed/onedrive":        func(s *scene) { s.killTokens(); s.Graph().Lapse() },
		"second factor/onedrive": func(s *scene) { s.killTokens(); s.Graph().RequireInteraction() },
	}
	calls := map[string]func(*scene) error{
		"put":  func(s *scene) error { return s.put(small) },
		"list": func(s *scene) error { _, err := s.list(); return err },
		"open": (*scene).reopen,
	}
	all := newCrowd(t)
	defer all.wait()
	for way, end := range ways {
		for name, call := range calls {
			for _, kind := range bothClouds {
				if _, only, ok := strings.Cut(way, "/"); ok && only != kind {
					continue
				}
				all.run(way+"/"+name+"/"+kind, func(t *testing.T) {
					s := newScene(t, kind, fakecloud.Options{})
					if err := s.put(before); err != nil {
						t.Fatal(err)
					}
					end(s)
					s.fails(call(s), providers.ErrAuth, providers.HintAuth)
					if s.clock.longest() > 0 {
						t.Error("it waited for nothing")
					}
				})
			}
		}
	}
}

// A sign-in that ends while an object is read ends the reading, in those words.
func TestSignedOutWhileReading(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(large); err != nil {
				t.Fatal(err)
			}
			s.Inject(fakecloud.Fault{Kind: fakecloud.KindDownload, Skip: map[string]int{"onedrive": 1}[kind], Truncate: 1_000_000})
			in, err := s.Get(context.Background(), large, 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			s.revoke()
			n, err := io.Copy(io.Discard, in)
			s.fails(err, providers.ErrAuth, providers.HintAuth)
			if n == 0 || n > 1_000_000 {
				t.Errorf("%d bytes were read", n)
			}
		})
	}
}

// A service whose tokens rotate hands each to the next process.
func TestRotatedTokens(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			s.Graph().RotateStrictly(true)
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			other := s.world.scene(kind, s.home) // another process
			for range 3 {
				s.killTokens()
				if err := s.get(before); err != nil {
					t.Fatal(err)
				}
				if err := other.get(before); err != nil {
					t.Fatal(err)
				}
				s.clock.sleep(context.Background(), time.Hour)
				other.clock.sleep(context.Background(), time.Hour)
			}
		})
	}
}

// A token that can't be kept works for now, and is told.
func TestTokenNotSaved(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			s := newScene(t, kind, fakecloud.Options{})
			if err := s.put(before); err != nil {
				t.Fatal(err)
			}
			if err := s.remote.Unsaved(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(s.home, SignInFile)
			if err := errors.Join(os.Rename(file, file+".aside"), os.Mkdir(file, 0o700)); err != nil { // nothing can be written there
				t.Fatal(err)
			}
			s.killTokens()
			if err := s.get(before); err != nil {
				t.Fatal(err)
			}
			err := s.remote.Unsaved()
			if !hint.Is(err, HintSignInNotSaved) {
				t.Fatalf("told is %v", err)
			}
			s.discreet(errors.New(strings.ReplaceAll(err.Error(), s.home, "")))
			if err := s.remote.Close(); !hint.Is(err, HintSignInNotSaved) {
				t.Errorf("at the end it says %v", err)
			}
		})
	}
}

// What is wrong at the token endpoint, and will pass, is no end of the sign-in.
func TestTokenEndpointAway(t *testing.T) {
	t.Parallel()
	all := newCrowd(t)
	defer all.wait()
	for _, kind := range bothClouds {
		for name, test := range map[string]struct {
			fault fakecloud.Fault
			code  hint.Code
		}{
			"page":     {pageFault, providers.HintPortal},
			"400 page": {with(pageFault, func(f *fakecloud.Fault) { f.Status = 400 }), providers.HintPortal},
			"503":      {fakecloud.Fault{Status: 503, Body: "busy", Times: -1}, providers.HintUnreachable},
			"cut":      {fakecloud.Fault{Drop: true, Times: -1}, providers.HintUnreachable},
		} {
			all.run(name+"/"+kind, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				s.killTokens()
				test.fault.Kind = fakecloud.KindToken
				s.Inject(test.fault)
				_, err := s.once().Stat(context.Background(), before)
				s.fails(err, providers.ErrTemporary, test.code)
				s.ClearFaults()
				s.clock.sleep(context.Background(), time.Minute)
				s.holds(before)
			})
		}
	}
}

// An account of the Chinese cloud has nothing to look for in the other.
func TestWrongRegion(t *testing.T) {
	w := newWorld(t, fakecloud.Options{})
	home := t.TempDir()
	values := w.Graph().SignIn("china")
	values["region"] = "global"
	if err := NewSignIn(home).Save(values); err != nil {
		t.Fatal(err)
	}
	s := &scene{world: w, kind: "onedrive", home: home}
	s.fails(s.reopen(), providers.ErrAuth, providers.HintRegion)
	values["region"] = "cn"
	if err := NewSignIn(home).Save(values); err != nil {
		t.Fatal(err)
	}
	s = w.scene("onedrive", home)
	if err := s.put(small); err != nil {
		t.Fatal(err)
	}
	if err := s.get(small); err != nil {
		t.Fatal(err)
	}
}

// The way there can be wrong as well.
func TestWayThere(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://user:secret@" + closed.Addr().String()
	closed.Close()
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*Options)
		class  error
		code   hint.Code
	}{
		"unknown authority":  {func(o *Options) { o.CACert = "" }, providers.ErrTemporary, providers.HintCertificate},
		"no certificate":     {func(o *Options) { o.CACert = bad }, nil, HintCACert},
		"certificate absent": {func(o *Options) { o.CACert = bad + ".none" }, nil, HintCACert},
		"certificate folder": {func(o *Options) { o.CACert = filepath.Dir(bad) }, nil, HintCACert},
		"proxy down":         {func(o *Options) { o.Proxy = nobody }, providers.ErrTemporary, providers.HintProxy},
	}
	for name, test := range tests {
		for _, kind := range bothClouds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s := newScene(t, kind, fakecloud.Options{})
				if err := s.put(before); err != nil {
					t.Fatal(err)
				}
				o := s.options()
				test.change(&o)
				err := s.openWith(o)
				s.fails(err, test.class, test.code)
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the proxy's password stands in %q", err)
				}
				if err := s.reopen(); err != nil { // with the right ones
					t.Fatal(err)
				}
				s.holds(before)
			})
		}
	}
}

// Without a proxy, a name that nobody knows is a network that is away.
func TestUnknownHost(t *testing.T) {
	err := classify(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "www.googleapis.com", IsNotFound: true}}, "drive:x")
	if !errors.Is(err, providers.ErrTemporary) || !hint.Is(err, providers.HintUnreachable) {
		t.Error(err)
	}
}

// A token is renewed also when the call that opened the connection is long over.
func TestRenewalOutlivesContext(t *testing.T) {
	for _, kind := range bothClouds {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, fakecloud.Options{})
			home := w.device(kind)
			access, refresh, _ := token(t, home)
			in, err := OpenSignIn(home)
			if err != nil {
				t.Fatal(err)
			}
			// Every token is about to end, so each request asks for the next one.
			brief, err := json.Marshal(map[string]any{"access_token": access, "token_type": "Bearer", "refresh_token": refresh, "expires_in": 1, "expiry": time.Unix(1, 0).UTC()})
			if err != nil {
				t.Fatal(err)
			}
			in.Set("token", string(brief))
			if err := in.Err(); err != nil {
				t.Fatal(err)
			}
			w.Inject(fakecloud.Fault{Kind: fakecloud.KindToken, Times: -1, Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: string(brief)})
			ctx, cancel := context.WithCancel(context.Background())
			r, err := Open(ctx, providers.Place{Type: kind, Path: "chatkeep"}, Options{Home: home, Proxy: w.Proxy(), CACert: w.CAFile(), Settings: swift(kind), Limits: Limits{RequestsPerMinute: -1}})
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := putTo(r, small); err != nil {
				t.Error(err)
			}
		})
	}
}
