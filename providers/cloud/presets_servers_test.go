package cloud

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

// storeRegions are examples for the presets of object stores, with the address a
// bucket has there.
var storeRegions = map[string]struct{ region, address string }{
	"tencent-cos": {"ap-beijing", "bucket.cos.ap-beijing.myqcloud.com"},
	"aliyun-oss":  {"cn-hangzhou", "bucket.oss-cn-hangzhou.aliyuncs.com"},
	"qiniu":       {"cn-east-1", "s3-cn-east-1.qiniucs.com"},
}

// inRegion opens a place of a preset. The proxy is the store, whatever address
// it is asked for.
func inRegion(t *testing.T, kind string) (*remote, *store3) {
	t.Helper()
	preset, there := presets[kind], storeRegions[kind]
	s := storeOf(t, gofakes3.WithHostBucket(strings.HasPrefix(there.address, "bucket.")))
	s.Start()
	t.Cleanup(s.Close)
	settings := preset.settings(map[string]string{"region": there.region})
	settings["endpoint"] = "http://" + settings["endpoint"] // else the proxy sees nothing
	settings["region"] = there.region
	return opened(t, kind, "bucket/chatkeep", Options{
		Home:     homeOf(t, map[string]string{"access_key_id": storeKey, "secret_access_key": storeSecret}),
		Proxy:    s.URL,
		Settings: settings,
	}), s
}

func TestConformanceOfPresets(t *testing.T) {
	for kind := range storeRegions {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T) providers.Remote {
				r, _ := inRegion(t, kind)
				return r
			})
		})
	}
}

// Each preset asks at the address that its service has.
func TestAddressOfPresets(t *testing.T) {
	for kind, there := range storeRegions {
		r, s := inRegion(t, kind)
		put(t, r, "a/x", "x")
		if hosts := s.hosts(); !slices.Equal(hosts, []string{there.address}) {
			t.Errorf("%s asks %v, want %s", kind, hosts, there.address)
		}
	}
}

func TestConformanceOfSFTPReliable(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providers.Remote {
		h := newSSHHost(t)
		return providers.Reliable(opened(t, "sftp", "chatkeep", h.options(t)), providers.RetryOptions{})
	})
}

// servers open a place of each type, but of what needs a program.
var servers = map[string]func(*testing.T) *remote{
	"local": func(t *testing.T) *remote { return openFolder(t, t.TempDir()) },
	"drive": func(t *testing.T) *remote {
		w := newWorld(t, fakecloud.Options{})
		return w.open("drive", w.device("drive"))
	},
	"onedrive": func(t *testing.T) *remote {
		w := newWorld(t, fakecloud.Options{})
		return w.open("onedrive", w.device("onedrive"))
	},
	"dropbox":  func(t *testing.T) *remote { return newWorld(t, fakecloud.Options{}).inDropbox("chatkeep") },
	"s3":       func(t *testing.T) *remote { return opened(t, "s3", "bucket/chatkeep", newStore(t).options(t)) },
	"sftp":     func(t *testing.T) *remote { return opened(t, "sftp", "chatkeep", newSSHHost(t).options(t)) },
	"webdav":   func(t *testing.T) *remote { return opened(t, "webdav", "chatkeep", newDAV(t, "webdav").options(t)) },
	"openlist": func(t *testing.T) *remote { return opened(t, "openlist", "chatkeep", newDAV(t, "openlist").options(t)) },
	"jianguoyun": func(t *testing.T) *remote {
		return opened(t, "jianguoyun", "chatkeep", newDAV(t, "jianguoyun").options(t))
	},
	"tencent-cos": func(t *testing.T) *remote { r, _ := inRegion(t, "tencent-cos"); return r },
	"aliyun-oss":  func(t *testing.T) *remote { r, _ := inRegion(t, "aliyun-oss"); return r },
	"qiniu":       func(t *testing.T) *remote { r, _ := inRegion(t, "qiniu"); return r },
}

// What each type promises, and what the answer to an upload proves there. With
// a server of WebDAV, SFTP or SMB, that is nothing but the size.
func TestPromises(t *testing.T) {
	type sums = []providers.Algorithm
	want := map[string]struct {
		sums           sums
		verified, slow bool
	}{
		"local":       {sums{"sha256"}, false, true},
		"drive":       {sums{"md5", "sha1", "sha256"}, true, false},
		"onedrive":    {sums{"quickxor"}, true, false},
		"dropbox":     {sums{"dropbox"}, true, false},
		"s3":          {sums{"md5"}, true, false},
		"tencent-cos": {sums{"md5"}, true, false},
		"aliyun-oss":  {sums{"md5"}, true, false},
		"qiniu":       {sums{"md5"}, true, false},
		"sftp":        {nil, false, false},
		"webdav":      {nil, false, false},
		"openlist":    {nil, false, false},
		"jianguoyun":  {nil, false, false},
	}
	left := slices.Sorted(maps.Keys(presets))
	left = slices.DeleteFunc(left, func(kind string) bool { return kind == "smb" }) // see TestPromisesOfSMB
	if got := slices.Sorted(maps.Keys(want)); !slices.Equal(got, left) {
		t.Errorf("the table has %v, there are %v", got, left)
	}
	for kind, want := range want {
		t.Run(kind, func(t *testing.T) {
			checkPromises(t, servers[kind](t), want.sums, want.verified, want.slow)
		})
	}
}

func checkPromises(t *testing.T, r *remote, sums []providers.Algorithm, verified, slow bool) {
	t.Helper()
	info := put(t, r, "a/x", "content")
	if info.Verified != verified {
		t.Errorf("verified is %v: %+v", info.Verified, info)
	}
	traits := r.Traits()
	got := slices.Sorted(slices.Values(traits.Sums))
	if !slices.Equal(got, sums) || traits.SumsCostRead != slow || (traits.LocalPath != "") != (r.disk != nil) {
		t.Errorf("it promises %+v", traits)
	}
	for _, alg := range sums {
		if found := list(t, r, providers.ListOptions{Sums: true})["a/x"]; found.Sums[alg] == "" {
			t.Errorf("its listing has no %s: %+v", alg, found)
		}
	}
}

// Every option that is ours has a value that means what it looks like: rclone
// takes a size without a unit for KiB.
func TestForcedOptions(t *testing.T) {
	for name, k := range kinds {
		options := backendOptions(t, name)
		for option, value := range k.options {
			o := options.Get(option)
			if o == nil {
				t.Errorf("rclone's %s has no option %s", name, option)
				continue
			}
			if err := checkValue(*o, value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if o.Type() == "SizeSuffix" && !strings.ContainsAny(value, "BKMG") {
				t.Errorf("%s: %s is %s of what?", name, option, value)
			}
		}
	}
}
