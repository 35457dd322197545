package cloud

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/rclone/rclone/fs"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// store3 is an object store that speaks S3, over TLS, with one bucket.
type store3 struct {
	asked
	*httptest.Server
	front http.Handler // stands before the store if it is set
}

const storeKey, storeSecret = "AKIDTEST", "a secret of the store"

func newStore(t *testing.T, options ...gofakes3.Option) *store3 {
	t.Helper()
	s := storeOf(t, options...)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// storeOf is one that has not begun to serve.
func storeOf(t *testing.T, options ...gofakes3.Option) *store3 {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	options = append([]gofakes3.Option{gofakes3.WithV4Auth(map[string]string{storeKey: storeSecret})}, options...)
	s := &store3{}
	s3 := gofakes3.New(backend, options...).Server()
	s.Server = httptest.NewUnstartedServer(s.noting(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.front != nil {
			s.front.ServeHTTP(w, r)
			return
		}
		s3.ServeHTTP(w, r)
	})))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that trust it not
	return s
}

// certificate is the file of the one that the server signs with.
func certificate(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *store3) options(t *testing.T) Options {
	return Options{
		Home:     homeOf(t, map[string]string{"access_key_id": storeKey, "secret_access_key": storeSecret}),
		CACert:   certificate(t, s.Server),
		Settings: map[string]string{"provider": "Other", "endpoint": s.URL, "region": "us-east-1"},
	}
}

func TestConformanceOfS3(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providers.Remote {
		s := newStore(t)
		return opened(t, "s3", "bucket/chatkeep", s.options(t))
	})
}

// Each object is one request, whatever its size: only then the answer has the
// MD5 of all of it. A listing has all there is to know.
func TestS3Requests(t *testing.T) {
	s := newStore(t)
	r := opened(t, "s3", "bucket/chatkeep", s.options(t))
	check := func(what, want string) {
		t.Helper()
		if got := s.since(); got != want {
			t.Errorf("%s asked:\n%s\nwant:\n%s", what, got, want)
		}
	}
	check("open", "")
	b := noise(20 << 20)
	info := put(t, r, "packs/0/x", string(b))
	check("put", "PUT /bucket/chatkeep/packs/0/x")
	if sum := md5.Sum(b); !info.Verified || info.Sums["md5"] != hex.EncodeToString(sum[:]) {
		t.Errorf("put told %+v", info)
	}
	put(t, r, "packs/0/y", "y")
	s.since()
	for name, info := range list(t, r, providers.ListOptions{}) {
		if info.Sums["md5"] == "" || time.Since(info.ModTime).Abs() > time.Hour {
			t.Errorf("the listing tells of %s: %+v", name, info)
		}
	}
	check("list", "GET /bucket prefix=chatkeep/")
	if got := get(t, r, "packs/0/x"); got != string(b) {
		t.Error("the bytes came back as others")
	}
	check("get", "GET /bucket/chatkeep/packs/0/x")
	if err := r.MakeFolder(t.Context(), "packs/1"); err != nil {
		t.Error(err)
	}
	check("make folder", "")
}

// No pack is large enough to go up in parts.
func TestS3Cutoff(t *testing.T) {
	for _, name := range []string{"upload_cutoff"} {
		var cutoff fs.SizeSuffix
		if err := cutoff.Set(kinds["s3"].options[name]); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int64{64 << 20, 128 << 20, int64(config.MaxPackSize), 4 << 30} {
			if size >= int64(cutoff) {
				t.Errorf("%d bytes go up in parts, from %s on", size, cutoff)
			}
		}
	}
}

// An answer with another checksum is not believed, and what it is of does not
// stay.
func TestS3Corrupt(t *testing.T) {
	s := newStore(t)
	r := opened(t, "s3", "bucket/chatkeep", s.options(t))
	s.front = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	})
	_, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(1000)))
	if !errors.Is(err, providers.ErrCorrupt) {
		t.Errorf("another checksum: %v", err)
	}
	if got, want := s.since(), "PUT /bucket/chatkeep/a/x\nDELETE /bucket/chatkeep/a/x"; got != want {
		t.Errorf("asked:\n%s\nwant:\n%s", got, want)
	}
}

// With keys of its own a store's checksums are not of our bytes, and prove
// nothing.
func TestS3Encrypted(t *testing.T) {
	s := newStore(t)
	opt := s.options(t)
	opt.Settings["server_side_encryption"] = "aws:kms"
	r := opened(t, "s3", "bucket/chatkeep", opt)
	s.front = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		const sum = `"0123456789abcdef0123456789abcdef"`
		w.Header().Set("ETag", sum)
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Contents><Key>chatkeep/a/x</Key><Size>1</Size><ETag>%s</ETag></Contents></ListBucketResult>`, sum)
		}
	})
	if info := put(t, r, "a/x", "x"); info.Verified || len(info.Sums) > 0 || len(r.Traits().Sums) > 0 {
		t.Errorf("put told %+v, traits %+v", info, r.Traits())
	}
	s.since()
	if found := list(t, r, providers.ListOptions{Sums: true}); len(found) != 1 {
		t.Errorf("found %v", found)
	}
	if got, want := s.since(), "GET /bucket prefix=chatkeep/"; got != want {
		t.Errorf("asked:\n%s\nwant:\n%s", got, want)
	}
}

// What a store refuses is told by its name.
func TestS3Refused(t *testing.T) {
	refuse := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			if r.Method != http.MethodHead {
				fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>said the store</Message></Error>`, code)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		path   string
		front  http.Handler
		values map[string]string
		clock  time.Duration // of the store
		class  error
		code   hint.Code
	}{
		{name: "no such bucket", path: "elsewhere/chatkeep", class: providers.ErrPermission, code: providers.HintBucket},
		{name: "wrong key", values: map[string]string{"access_key_id": "AKIDOTHER"}, class: providers.ErrAuth, code: providers.HintAuth},
		{name: "wrong secret", values: map[string]string{"secret_access_key": "another"}, class: providers.ErrAuth, code: providers.HintAuth},
		{name: "clock behind", clock: 2 * time.Hour, class: providers.ErrPermission, code: providers.HintClock},
		{name: "other region", front: refuse(301, "PermanentRedirect"), class: providers.ErrPermission, code: providers.HintRegion},
		{name: "region of the signature", front: refuse(400, "AuthorizationHeaderMalformed"), class: providers.ErrPermission, code: providers.HintRegion},
		{name: "not allowed", front: refuse(403, "AccessDenied"), class: providers.ErrPermission, code: providers.HintPermission},
		{name: "full", front: refuse(400, "QuotaExceeded"), class: providers.ErrQuota, code: providers.HintFull},
		{name: "too fast", front: refuse(503, "SlowDown"), class: providers.ErrRate, code: providers.HintRate},
		{name: "broken", front: refuse(500, "InternalError"), class: providers.ErrTemporary, code: providers.HintUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var options []gofakes3.Option
			if tt.clock != 0 {
				options = append(options, gofakes3.WithTimeSource(gofakes3.FixedTimeSource(time.Now().Add(tt.clock))))
			}
			s := newStore(t, options...)
			opt := s.options(t)
			if tt.values != nil {
				values := map[string]string{"access_key_id": storeKey, "secret_access_key": storeSecret}
				maps.Copy(values, tt.values)
				opt.Home = homeOf(t, values)
			}
			s.front = tt.front
			r := opened(t, "s3", cmp.Or(tt.path, "bucket/chatkeep"), opt)
			_, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(1000)))
			told := map[string]error{"put": err}
			// rclone's listing of no bucket is one of an empty folder, and of a
			// store in trouble it tries for seconds.
			if tt.path == "" && tt.class != providers.ErrRate && tt.class != providers.ErrTemporary {
				told["list"] = r.List(t.Context(), "", providers.ListOptions{}, func(providers.Info) error { return nil })
			}
			for what, err := range told {
				found := hint.Find(err)
				if !errors.Is(err, tt.class) || found == nil || found.Code != tt.code {
					t.Errorf("%s: %v, hint %+v; want %v and %s", what, err, found, tt.class, tt.code)
				}
				if err != nil && (strings.Contains(err.Error(), storeSecret) || strings.Contains(err.Error(), storeKey)) {
					t.Errorf("%s: %v shows a key", what, err)
				}
			}
		})
	}
}

// The certificate of a store that nobody vouched for is a hint, not a secret.
func TestS3Certificate(t *testing.T) {
	s := newStore(t)
	opt := s.options(t)
	opt.CACert = ""
	r := opened(t, "s3", "bucket/chatkeep", opt)
	_, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(1000)))
	if found := hint.Find(err); !errors.Is(err, providers.ErrTemporary) || found == nil || found.Code != providers.HintCertificate {
		t.Errorf("an unknown certificate: %v", err)
	}
	if asked := s.since(); asked != "" {
		t.Errorf("it was asked:\n%s", asked)
	}
}
