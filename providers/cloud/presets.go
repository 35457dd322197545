package cloud

import (
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/rclone/rclone/fs"
)

// preset is what we know of one type of remote beyond its backend: what it is
// set up with and how much it bears. Every type has one.
type preset struct {
	// backend is the name of rclone's backend, the key of kinds.
	backend string
	// fixed are options of the backend that make the type what it is, and
	// options those that the user may change.
	fixed, options map[string]string
	// endpoint makes the address of a region of an object store.
	endpoint func(region string) string
	// needs are options without which there is nothing to talk to, each with
	// the word that a person would write for it.
	needs map[string]string

	// limits stand in for what a person left out.
	limits Limits
	// timeout is how long the service may stay silent; zero is rclone's own.
	timeout time.Duration
	// retries is how often one request is made within a call; zero is ours.
	retries int

	// page is how many entries of a folder a listing shows at most, zero for
	// all. A listing that long is not the whole truth.
	page int
	// largest is the size of the largest file it takes, zero for any.
	largest int64
	// noSums says that a reply proves nothing but the size.
	noSums bool
	// locked and blocked are how long 423 and 503 mean to stay away; zero is
	// the ordinary wait.
	locked, blocked time.Duration
}

// Requests are bound where a service says what it allows, or is known to
// answer 429 and to remember. Google grants each user 12,000 a minute, but
// only two or three creations a second, which is why few packs go up at once.
// Graph counts resource units, 1,250 a minute for the smallest tenant, at most
// two for a request of ours. Their windows make room for a restore or a listing
// in one go.
var presets = map[string]preset{
	"local":    {backend: "local", limits: Limits{Transfers: 2}},
	"drive":    {backend: "drive", limits: Limits{Transfers: 3, RequestsPerMinute: 500, ChunkSize: 8 << 20, window: 10 * time.Minute}, retries: 2},
	"onedrive": {backend: "onedrive", limits: Limits{Transfers: 2, RequestsPerMinute: 300, ChunkSize: 10 << 20, window: 5 * time.Minute}, retries: 2},
	"dropbox":  {backend: "dropbox", limits: Limits{Transfers: 2, RequestsPerMinute: 300, window: 5 * time.Minute}},
	"webdav": {backend: "webdav", limits: Limits{Transfers: 2}, options: map[string]string{"vendor": "other"},
		needs: map[string]string{"url": "url"}, timeout: 30 * time.Minute, noSums: true, locked: time.Minute},
	"s3":   {backend: "s3", limits: Limits{Transfers: 4}, needs: map[string]string{"provider": "provider"}},
	"sftp": {backend: "sftp", limits: Limits{Transfers: 2}, needs: map[string]string{"host": "host"}, noSums: true},
	"smb":  {backend: "smb", limits: Limits{Transfers: 2}, needs: map[string]string{"host": "host"}, noSums: true},

	// 600 requests in 30 minutes for a free account, 1,500 for a paid one: see
	// burstOf. Its listings end after 750 entries without a word.
	"jianguoyun": bridge(preset{
		options: map[string]string{"url": "https://dav.jianguoyun.com/dav/"},
		limits:  Limits{RequestsPerMinute: 18},
		page:    750, largest: 500e6, blocked: 30 * time.Minute,
	}),
	// Whatever is behind it may not have the bytes yet when it says so.
	"openlist": bridge(preset{needs: map[string]string{"url": "url"}, page: 2000, largest: 4 << 30}),

	// Each of them in rclone's words; region is only the name in the address.
	"tencent-cos": store("TencentCOS", false, func(region string) string { return "cos." + region + ".myqcloud.com" }),
	"aliyun-oss": store("Alibaba", false, func(region string) string {
		return "oss-" + strings.TrimPrefix(region, "oss-") + ".aliyuncs.com"
	}),
	"qiniu": store("Qiniu", true, func(region string) string { return "s3-" + region + ".qiniucs.com" }),
}

// bridge completes the preset of a WebDAV service that hides another kind of
// service: slow, one thing at a time, and not to be pressed.
func bridge(p preset) preset {
	p.backend, p.fixed = "webdav", map[string]string{"vendor": "other"}
	p.limits.Transfers = 1
	p.limits.window = 30 * time.Minute
	p.timeout, p.retries = 30*time.Minute, 1
	p.noSums, p.locked = true, time.Minute
	if p.blocked == 0 {
		p.blocked = 5 * time.Minute
	}
	return p
}

// store is the preset of an object store that speaks S3. With signed, its
// region is part of the signature and of a new bucket too.
func store(provider string, signed bool, endpoint func(region string) string) preset {
	p := preset{
		backend: "s3", fixed: map[string]string{"provider": provider}, endpoint: endpoint,
		needs: map[string]string{"endpoint": "region"}, limits: Limits{Transfers: 4},
	}
	if signed {
		p.options = map[string]string{"region": "", "location_constraint": ""}
	}
	return p
}

// settings returns the backend's options: the user's over the preset's, and
// what follows from them.
func (p preset) settings(given map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, p.options)
	maps.Copy(all, given)
	maps.Copy(all, p.fixed)
	if p.endpoint == nil {
		return all
	}
	region := all["region"]
	if all["endpoint"] == "" && region != "" {
		all["endpoint"] = p.endpoint(region)
	}
	if _, signed := p.options["region"]; !signed {
		delete(all, "region")
	} else if all["location_constraint"] == "" {
		all["location_constraint"] = region
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// missing returns the option that get must know and doesn't, in the word a
// person would write, or "".
func (p preset) missing(get func(option string) (string, bool)) string {
	for option, word := range p.needs {
		if value, _ := get(option); value == "" {
			return word
		}
	}
	return ""
}

// configure sets what rclone takes from its own settings instead of from the
// backend's options. The settings are those of one remote.
func (p preset) configure(ci *fs.ConfigInfo, l Limits) {
	if p.timeout != 0 {
		ci.Timeout = fs.Duration(p.timeout)
	}
	if p.retries != 0 {
		ci.LowLevelRetries = p.retries
	}
	if l.Transfers > 0 {
		ci.Transfers = l.Transfers
	}
}

// overHTTP tells whether the service is reached by HTTP requests.
func (p preset) overHTTP() bool {
	return p.backend != "local" && p.backend != "sftp" && p.backend != "smb"
}

// proxyOptions returns the options of backends that don't take their proxy
// from rclone's settings.
func (p preset) proxyOptions(proxy string) map[string]string {
	u, err := url.Parse(proxy)
	switch {
	case proxy == "" || err != nil || p.backend != "sftp":
		return nil
	case u.Scheme == "socks5":
		return map[string]string{"socks_proxy": u.Host}
	}
	return map[string]string{"http_proxy": proxy}
}
