package cloud

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/providers"
)

// backendOptions returns rclone's list of a backend's options.
func backendOptions(t *testing.T, backend string) fs.Options {
	t.Helper()
	info, err := fs.Find(backend)
	if err != nil {
		t.Fatal(err)
	}
	return info.Options
}

func TestEveryTypeHasAPreset(t *testing.T) {
	types := providers.Types()
	slices.Sort(types)
	if got := slices.Sorted(maps.Keys(presets)); !slices.Equal(got, types) {
		t.Errorf("presets are %q, types %q", got, types)
	}
}

// What a preset sets, rclone has, and the values are rclone's own words.
func TestPresetsFitTheBackends(t *testing.T) {
	for kind, p := range presets {
		options := backendOptions(t, p.backend)
		for _, list := range []map[string]string{p.fixed, p.options, p.needs} {
			for name := range list {
				if options.Get(name) == nil {
					t.Errorf("%s: %s has no option %s", kind, p.backend, name)
				}
			}
		}
		for _, list := range []map[string]string{p.fixed, p.options} {
			for name, value := range list {
				if o := options.Get(name); o != nil && value != "" && checkValue(*o, value) != nil {
					t.Errorf("%s: %v", kind, checkValue(*o, value))
				}
			}
		}
		if p.limits.Transfers < 1 {
			t.Errorf("%s moves nothing", kind)
		}
		if err := CheckLimits(kind, p.limits); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// The addresses that presets make are among those that rclone lists.
func TestEndpoints(t *testing.T) {
	endpoint := backendOptions(t, "s3").Get("endpoint")
	known := func(provider, address string) bool {
		return slices.ContainsFunc(endpoint.Examples, func(e fs.OptionExample) bool {
			return e.Value == address && strings.Contains(e.Provider, provider)
		})
	}
	for kind, regions := range map[string][]string{
		"tencent-cos": {"ap-beijing", "ap-shanghai", "ap-guangzhou", "ap-hongkong", "accelerate"},
		"aliyun-oss":  {"cn-hangzhou", "oss-cn-hangzhou", "cn-shenzhen", "ap-southeast-1"},
		"qiniu":       {"cn-east-1", "cn-south-1", "ap-southeast-1"},
	} {
		for _, region := range regions {
			got := presets[kind].settings(map[string]string{"region": region})
			if !known(got["provider"], got["endpoint"]) {
				t.Errorf("%s in %s is %s at %s, which rclone doesn't list", kind, region, got["provider"], got["endpoint"])
			}
		}
	}
}

func TestPresetSettings(t *testing.T) {
	type options = map[string]string
	for _, tt := range []struct {
		kind        string
		given, want options
	}{
		{"local", nil, options{}},
		{"drive", nil, options{}},
		{"onedrive", options{"region": "cn"}, options{"region": "cn"}},
		{"webdav", options{"url": "https://a/"}, options{"url": "https://a/", "vendor": "other"}},
		{"webdav", options{"url": "https://a/", "vendor": "nextcloud"}, options{"url": "https://a/", "vendor": "nextcloud"}},
		{"s3", options{"provider": "AWS", "region": "eu-west-1"}, options{"provider": "AWS", "region": "eu-west-1"}},
		{"jianguoyun", nil, options{"url": "https://dav.jianguoyun.com/dav/", "vendor": "other"}},
		{"jianguoyun", options{"url": "https://dav.example.com/"}, options{"url": "https://dav.example.com/", "vendor": "other"}},
		{"openlist", options{"url": "http://nas:5244/dav"}, options{"url": "http://nas:5244/dav", "vendor": "other"}},
		{"tencent-cos", options{"region": "ap-beijing"}, options{"provider": "TencentCOS", "endpoint": "cos.ap-beijing.myqcloud.com"}},
		{"tencent-cos", options{"endpoint": "cos.example.com"}, options{"provider": "TencentCOS", "endpoint": "cos.example.com"}},
		{"aliyun-oss", options{"region": "oss-cn-hangzhou", "endpoint": "chats.example.com"}, options{"provider": "Alibaba", "endpoint": "chats.example.com"}},
		{"qiniu", options{"region": "cn-east-1"}, options{"provider": "Qiniu", "endpoint": "s3-cn-east-1.qiniucs.com", "region": "cn-east-1", "location_constraint": "cn-east-1"}},
		{"qiniu", nil, options{"provider": "Qiniu"}},
	} {
		before := maps.Clone(tt.given)
		if got := presets[tt.kind].settings(tt.given); !maps.Equal(got, tt.want) {
			t.Errorf("%s %v: %v, want %v", tt.kind, tt.given, got, tt.want)
		}
		if !maps.Equal(before, tt.given) {
			t.Errorf("%s changed what it was given", tt.kind)
		}
	}
}

func TestMissing(t *testing.T) {
	for kind, want := range map[string]string{
		"local": "", "drive": "", "onedrive": "", "dropbox": "", "webdav": "url", "s3": "provider", "sftp": "host", "smb": "host",
		"jianguoyun": "", "openlist": "url", "tencent-cos": "region", "aliyun-oss": "region", "qiniu": "region",
	} {
		p := presets[kind]
		if got := p.missing(lookUp(p.settings(nil))); got != want {
			t.Errorf("%s misses %q, want %q", kind, got, want)
		}
		full := p.settings(map[string]string{"url": "https://a/", "provider": "AWS", "host": "nas", "region": "x"})
		if got := p.missing(lookUp(full)); got != "" {
			t.Errorf("%s with all it needs misses %q", kind, got)
		}
	}
}

func lookUp(settings map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := settings[name]
		return value, ok
	}
}

// What the configuration takes for a type has an effect there, and what it
// refuses has none.
func TestConfigurationFitsThePresets(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	takes := func(kind, key string) bool {
		_, err := config.Parse("/c.yaml", []byte("sources: [/a]\nremote: {type: "+kind+", folder: x, "+key+"}"))
		return err == nil
	}
	for kind, p := range presets {
		if got, want := takes(kind, "requests_per_minute: 9"), p.overHTTP(); got != want {
			t.Errorf("%s: the configuration takes requests_per_minute: %v", kind, got)
		}
		if got, want := takes(kind, "ca_cert: x"), p.overHTTP(); got != want {
			t.Errorf("%s: the configuration takes ca_cert: %v", kind, got)
		}
		if got, want := takes(kind, "proxy: http://a:1"), p.overHTTP() || p.proxyOptions("http://a:1") != nil; got != want {
			t.Errorf("%s: the configuration takes proxy: %v", kind, got)
		}
		if got, want := takes(kind, "chunk_size: 10MiB"), (Limits{ChunkSize: 1}).options(p.backend) != nil; got != want {
			t.Errorf("%s: the configuration takes chunk_size: %v", kind, got)
		}
		r, err := config.ParseRemote(kind + ":x")
		if err != nil {
			t.Fatal(err)
		}
		if small := r.PackSize == config.BridgePackSize; small != (p.backend == "webdav") {
			t.Errorf("%s: packs of %s", kind, r.PackSize)
		}
		if p.largest > 0 && int64(config.MaxPackSize) > p.largest {
			t.Errorf("%s takes files of %d bytes, packs may have %s", kind, p.largest, config.MaxPackSize)
		}
	}
}

func TestProxyOptions(t *testing.T) {
	options := backendOptions(t, "sftp")
	for proxy, want := range map[string]map[string]string{
		"":                        nil,
		"http://127.0.0.1:7890":   {"http_proxy": "http://127.0.0.1:7890"},
		"socks5://127.0.0.1:1080": {"socks_proxy": "127.0.0.1:1080"},
	} {
		got := presets["sftp"].proxyOptions(proxy)
		if !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", proxy, got, want)
		}
		for name := range got {
			if options.Get(name) == nil {
				t.Errorf("sftp has no option %s", name)
			}
		}
		if got := presets["drive"].proxyOptions(proxy); got != nil {
			t.Errorf("drive takes its proxy as %v", got)
		}
	}
}

func TestConfigure(t *testing.T) {
	ci := &fs.ConfigInfo{LowLevelRetries: 3, Timeout: fs.Duration(time.Minute), Transfers: 4}
	p := presets["jianguoyun"]
	p.configure(ci, Limits{}.or(p.limits))
	if ci.LowLevelRetries != 1 || ci.Timeout != fs.Duration(30*time.Minute) || ci.Transfers != 1 {
		t.Errorf("jianguoyun: %d tries, %v, %d transfers", ci.LowLevelRetries, ci.Timeout, ci.Transfers)
	}
	ci = &fs.ConfigInfo{LowLevelRetries: 3, Timeout: fs.Duration(time.Minute), Transfers: 4}
	presets["s3"].configure(ci, Limits{Transfers: 7})
	if ci.LowLevelRetries != 3 || ci.Timeout != fs.Duration(time.Minute) || ci.Transfers != 7 {
		t.Errorf("s3: %d tries, %v, %d transfers", ci.LowLevelRetries, ci.Timeout, ci.Transfers)
	}
}
