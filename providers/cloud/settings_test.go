package cloud

import (
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
)

func TestCheckSettings(t *testing.T) {
	for _, tt := range []struct{ kind, option, value, want string }{
		{"webdav", "url", "https://dav.example.com/", ""},
		{"webdav", "user", "li", ""},
		{"webdav", "vendor", "nextcloud", ""},
		{"s3", "provider", "Minio", ""},
		{"s3", "endpoint", "http://127.0.0.1:9000", ""},
		{"s3", "region", "eu-west-1", ""},
		{"s3", "force_path_style", "false", ""},
		{"s3", "storage_class", "STANDARD_IA", ""},
		{"sftp", "host", "nas", ""},
		{"sftp", "port", "2222", ""},
		{"sftp", "key_file", "/home/li/.ssh/id", ""},
		{"sftp", "known_hosts_file", "/home/li/.ssh/known_hosts", ""},
		{"sftp", "known_hosts_file", "none", "options.known_hosts_file: an SSH server must show who it is; name a file, or leave the option out"},
		{"smb", "domain", "HOME", ""},
		{"onedrive", "region", "cn", ""},
		{"jianguoyun", "user", "li", ""},
		{"jianguoyun", "url", "https://dav.example.com/", ""},
		{"tencent-cos", "region", "ap-beijing", ""},
		{"dropbox", "root_namespace", "1", ""},

		{"ftp", "host", "x", "type: there is no type ftp"},
		{"webdav", "usr", "li", "options.usr: webdav has no option usr; did you mean user?"},
		{"webdav", "User", "li", "options.User: webdav has no option User; did you mean user?"},
		{"jianguoyun", "usr", "li", "options.usr: jianguoyun has no option usr; did you mean user?"},
		{"smb", "share_of_the_house", "x", "options.share_of_the_house: smb has no option share_of_the_house; it has host, user, port, domain, spn, workstation, use_kerberos, idle_timeout, hide_special_share, case_insensitive, kerberos_ccache"},
		{"webdav", "pass", "hunter2", "options.pass: it is a secret and belongs in the sign-in; run: chatkeep remote login"},
		{"s3", "secret_access_key", "hunter2", "options.secret_access_key: it is a secret and belongs in the sign-in; run: chatkeep remote login"},
		{"drive", "token", "{}", "options.token: it is a secret and belongs in the sign-in; run: chatkeep remote login"},
		{"drive", "client_id", "x", "options.client_id: it comes from the sign-in; run: chatkeep remote login"},
		{"onedrive", "drive_id", "x", "options.drive_id: it comes from the sign-in; run: chatkeep remote login"},
		{"drive", "use_trash", "true", "options.use_trash: chatkeep sets it itself; remove it"},
		{"drive", "encoding", "None", "options.encoding: chatkeep sets it itself; remove it"},
		{"drive", "trashed_only", "true", "options.trashed_only: chatkeep sets it itself; remove it"},
		{"s3", "version_at", "2020-01-01", "options.version_at: chatkeep sets it itself; remove it"},
		{"s3", "chunk_size", "5Mi", "options.chunk_size: chatkeep sets it itself; remove it"},
		{"local", "links", "true", "options.links: chatkeep sets it itself; remove it"},
		{"drive", "chunk_size", "16Mi", "options.chunk_size: write it as chunk_size beside type"},
		{"sftp", "socks_proxy", "a:1", "options.socks_proxy: write it as proxy beside type"},
		{"jianguoyun", "vendor", "nextcloud", "options.vendor: the type jianguoyun sets it; remove it"},
		{"qiniu", "provider", "AWS", "options.provider: the type qiniu sets it; remove it"},
		{"s3", "provider", "Tencent", "options.provider: there is no provider Tencent; did you mean TencentCOS?"},
		{"s3", "provider", "my own", "options.provider: there is no provider my own"},
		{"s3", "telephone", "1", "options.telephone: s3 has no option telephone"},
		{"webdav", "vendor", "Nextcloud", "options.vendor: there is no vendor Nextcloud; did you mean nextcloud?"},
		{"onedrive", "region", "china", "options.region: there is no region china; there are global, us, de, cn"},
		{"sftp", "port", "ssh", `options.port: "ssh" is not a whole number`},
		{"s3", "force_path_style", "yes", `options.force_path_style: "yes" is not true or false`},
		{"s3", "list_url_encode", "maybe", `options.list_url_encode: "maybe" is not true or false`},
		{"smb", "idle_timeout", "long", `options.idle_timeout: "long" is not a time, such as 30s`},
		{"webdav", "url", "dav.example.com", "options.url: it is not an address; write it like https://dav.example.com/dav/"},
		{"webdav", "url", "ftp://dav.example.com", "options.url: it is not an address; write it like https://dav.example.com/dav/"},
		{"openlist", "url", "https://li:hunter2@a/", "options.url: it is a secret and belongs in the sign-in; run: chatkeep remote login"},
	} {
		err := CheckSettings(tt.kind, map[string]string{tt.option: tt.value})
		var mistake *Mistake
		switch {
		case tt.want == "" && err == nil:
		case err == nil || err.Error() != tt.want || !errors.As(err, &mistake):
			t.Errorf("%s %s: %s\ngot  %v\nwant %s", tt.kind, tt.option, tt.value, err, tt.want)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%v says the secret", err)
		}
	}
}

// Every option of every backend is judged, and no secret is the user's to set:
// neither here nor in the configuration.
func TestNoSecretIsASetting(t *testing.T) {
	seen := map[string]bool{}
	for kind, p := range presets {
		for _, o := range backendOptions(t, p.backend) {
			seen[o.Name] = true
			err := CheckSettings(kind, map[string]string{o.Name: "x"})
			if o.IsPassword && !errors.Is(err, errSecret) {
				t.Errorf("%s: %s is a password: %v", kind, o.Name, err)
			}
			if errors.Is(err, errSecret) && !config.IsSecret(o.Name) {
				t.Errorf("%s: the configuration keeps %s", kind, o.Name)
			}
		}
	}
	for _, list := range [][]string{secretOptions, signInOptions, ourOptions, fewValues} {
		for _, name := range list {
			if !seen[name] {
				t.Errorf("no backend has an option %s", name)
			}
		}
	}
}

// What rclone holds for sensitive and we don't refuse is no key to anything.
func TestSensitiveOptionsWeAllow(t *testing.T) {
	harmless := []string{
		"host", "user", "domain", "spn", "workstation", "tenant", "resource_key", "impersonate", "impersonate_admin", "sse_kms_key_id", "sse_customer_key_md5",
	}
	for _, p := range presets {
		for _, o := range backendOptions(t, p.backend) {
			if o.Sensitive && p.mine("", &o) == nil && !slices.Contains(harmless, o.Name) {
				t.Errorf("%s: %s is sensitive, and the user's to set", p.backend, o.Name)
			}
		}
	}
}

func TestComplete(t *testing.T) {
	p := presets["tencent-cos"]
	err := p.complete(lookUp(p.settings(nil)))
	if h := hint.Find(err); h == nil || h.Code != HintNeeds || h.Args["option"] != "region" {
		t.Errorf("without region: %v", err)
	}
	if err := p.complete(lookUp(p.settings(map[string]string{"region": "ap-beijing"}))); err != nil {
		t.Error(err)
	}
}

func TestCheckCACert(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for path, ok := range map[string]bool{
		"": true, good: true, write("bad.pem", []byte("hello")): false, write("empty.pem", nil): false, dir: false, dir + "/none.pem": false,
		write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})): false,
	} {
		err := checkCACert(path)
		if (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
		if h := hint.Find(err); !ok && (h == nil || h.Code != HintCACert || h.Args["path"] != path) {
			t.Errorf("%s has hint %+v", path, h)
		}
	}
}
