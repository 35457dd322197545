package cloud

import (
	"errors"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// inDropbox opens a folder of an account.
func (w *world) inDropbox(path string) *remote {
	w.t.Helper()
	return opened(w.t, "dropbox", path, Options{
		Home: homeOf(w.t, w.Dropbox().SignIn("a")), Proxy: w.Proxy(), CACert: w.CAFile(),
		Settings: map[string]string{"pacer_min_sleep": "1ms"}, Limits: Limits{RequestsPerMinute: -1},
	})
}

func TestConformanceOfDropbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloud.Options{})
	providertest.Run(t, func(t *testing.T) providers.Remote {
		return (&world{Cloud: w.Cloud, t: t}).inDropbox(strings.ReplaceAll(t.Name(), "/", "-"))
	})
}

// The answer to an upload has Dropbox's own checksum of what it stored.
func TestDropboxVerifies(t *testing.T) {
	w := newWorld(t, fakecloud.Options{})
	r := w.inDropbox("chatkeep")
	for _, size := range []int{100, 9 << 20} {
		w.ResetRequests()
		info := put(t, r, "a/x", string(noise(size)))
		if !info.Verified || info.Sums["dropbox"] == "" {
			t.Errorf("%d bytes: %+v", size, info)
		}
		if asked := w.asked(); strings.Contains(asked, string(fakecloud.KindDownload)) {
			t.Errorf("%d bytes cost:\n%s", size, asked)
		}
	}
}

func TestDropboxFull(t *testing.T) {
	w := newWorld(t, fakecloud.Options{})
	r := w.inDropbox("chatkeep")
	w.Dropbox().SetQuota(1000)
	_, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(2000)))
	if !errors.Is(err, providers.ErrQuota) {
		t.Errorf("a full account: %v", err)
	}
}

func TestDropboxSignedOut(t *testing.T) {
	w := newWorld(t, fakecloud.Options{})
	r := w.inDropbox("chatkeep")
	w.Dropbox().Revoke()
	w.Dropbox().Expire()
	_, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(20)))
	if !errors.Is(err, providers.ErrAuth) {
		t.Errorf("a revoked sign-in: %v", err)
	}
}
