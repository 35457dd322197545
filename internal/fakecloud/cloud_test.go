package fakecloud_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

func start(t *testing.T, o fakecloud.Options) *fakecloud.Cloud {
	t.Helper()
	c, err := fakecloud.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *fakecloud.Cloud) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// client is an ordinary HTTP client that knows the proxy and the authority.
// It follows no redirects.
func client(t *testing.T, c *fakecloud.Cloud) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	proxy, err := url.Parse(c.Proxy())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the connection, or of the body
}

// text picks a value out of a JSON body by a path such as "files.0.name".
func (a answer) text(path string) string {
	var v any
	if json.Unmarshal([]byte(a.body), &v) != nil {
		return ""
	}
	for _, key := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			v = nil
			for i := range at {
				if fmt.Sprint(i) == key {
					v = at[i]
				}
			}
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func do(t *testing.T, h *http.Client, method, address, body string, header map[string]string) answer {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	res, err := h.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data), err}
}

func TestUnknownHostsAreRefused(t *testing.T) {
	c := start(t, fakecloud.Options{})
	h := client(t, c)
	for _, address := range []string{
		"https://example.com/", "https://googleapis.com/", "https://www.googleapis.com.example.com/",
		"https://www.googleapis.com:8443/", "https://127.0.0.1/", "https://evilwww.googleapis.com/",
	} {
		a := do(t, h, "GET", address, "", nil)
		if a.err == nil || !strings.Contains(a.err.Error(), "Bad Gateway") {
			t.Errorf("%s: status %d, %v, want the proxy's 502", address, a.status, a.err)
		}
	}
	for _, plain := range []string{"http://www.googleapis.com/", "http://www.googleapis.com:443/", "http://example.com/"} {
		if a := do(t, h, "GET", plain, "", nil); a.status != 502 {
			t.Errorf("%s: status %d, want 502", plain, a.status)
		}
	}
	if got := c.Refused(); len(got) != 9 || got[0] != "example.com:443" {
		t.Errorf("refused: %q", got)
	}
	if got := c.Requests(); len(got) != 0 {
		t.Errorf("requests: %v", got)
	}
}

func TestClientsMustTrustTheAuthority(t *testing.T) {
	c := start(t, fakecloud.Options{})
	h := client(t, c)
	h.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
	if a := do(t, h, "GET", "https://www.googleapis.com/", "", nil); a.err == nil || !strings.Contains(a.err.Error(), "certificate") {
		t.Errorf("status %d, %v, want a certificate that nobody knows", a.status, a.err)
	}
}

func TestBothHTTPVersions(t *testing.T) {
	c := start(t, fakecloud.Options{})
	for _, version := range []int{1, 2} {
		h := client(t, c)
		h.Transport.(*http.Transport).ForceAttemptHTTP2 = version == 2
		res, err := h.Get("https://www.googleapis.com/drive/v3/about")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.ProtoMajor != version || res.StatusCode != 401 {
			t.Errorf("HTTP/%d: %s %s", version, res.Proto, res.Status)
		}
	}
}

func TestOffline(t *testing.T) {
	c := start(t, fakecloud.Options{})
	h := client(t, c)
	const address = "https://www.googleapis.com/drive/v3/about"
	for _, off := range []bool{false, true, false} {
		c.SetOffline(off)
		if a := do(t, h, "POST", address, "", nil); (a.err != nil) != off {
			t.Errorf("offline %v: %v", off, a.err)
		}
	}
}

// Clients read the cloud's clock from the Date header.
func TestDateIsTheCloudsTime(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	c.Advance(1000 * time.Hour)
	a := do(t, client(t, c), "GET", "https://oauth2.googleapis.com/", "", nil)
	if got, want := a.header.Get("Date"), c.Now().UTC().Format(http.TimeFormat); got != want {
		t.Errorf("Date is %q, want %q", got, want)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c := start(t, fakecloud.Options{Dir: dir, Virtual: true})
	d := newDrive(t, c, "ada")
	folder := d.makeFolder("packs", "root")
	d.upload("one", folder, "first")
	session := d.open(`{"name":"two","parents":["`+folder+`"]}`, 512<<10)
	if a := d.chunk(session, 0, make([]byte, 256<<10), 512<<10); a.status != 308 {
		t.Fatalf("first chunk: %+v", a)
	}
	token := d.get("changes/startPageToken", nil).text("startPageToken")
	ids := d.get("files/generateIds", url.Values{"count": {"1"}}).text("ids.0")
	c.Advance(time.Hour / 2)
	before, proxy := c.Now(), c.Proxy()
	ca, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	stop(t, c)

	c = start(t, fakecloud.Options{Dir: dir, Virtual: true})
	d = d.on(c)
	if got := c.Drive().Files(); !maps.EqualFunc(got, map[string][]byte{"packs/one": []byte("first")}, bytes.Equal) {
		t.Errorf("files: %q", got)
	}
	if c.Now().Before(before) || c.Proxy() != proxy {
		t.Errorf("clock %v, proxy %s; were %v, %s", c.Now(), c.Proxy(), before, proxy)
	}
	if again, err := os.ReadFile(c.CAFile()); err != nil || !bytes.Equal(again, ca) {
		t.Errorf("the authority is another one (%v)", err)
	}
	if a := d.chunk(session, 256<<10, make([]byte, 256<<10), 512<<10); a.status != 200 {
		t.Errorf("second chunk: %+v", a)
	}
	if a := d.get("changes", url.Values{"pageToken": {token}}); a.text("changes.0.file.name") != "two" {
		t.Errorf("changes: %s", a.body)
	}
	if a := d.post("files", `{"id":"`+ids+`","name":"three","mimeType":"application/vnd.google-apps.folder"}`); a.status != 200 {
		t.Errorf("with an id of before: %s", a.body)
	}
	if got, want := c.Drive().Paths(), []string{"packs/", "packs/one", "packs/two", "three/"}; !slices.Equal(got, want) {
		t.Errorf("paths: %q, want %q", got, want)
	}
}

func TestRequestsHaveKinds(t *testing.T) {
	c := start(t, fakecloud.Options{})
	d := newDrive(t, c, "ada")
	c.ResetRequests()
	folder := d.makeFolder("packs", "root")
	d.get("files", url.Values{"q": {"mimeType='application/vnd.google-apps.folder' and name='packs'"}})
	d.get("files/"+folder, nil)
	id := d.upload("one", folder, "first")
	d.get("files", url.Values{"q": {"name = 'one'"}})
	d.get("files", url.Values{"q": {"'" + folder + "' in parents"}})
	d.get("files/"+id, nil)
	d.get("files/"+id, url.Values{"alt": {"media"}})
	d.chunk(d.open(`{"name":"two"}`, 3), 0, []byte("two"), 3)
	d.patch("files/"+id, nil, `{"name":"uno"}`)
	d.patch("files/"+id, nil, `{"trashed":true}`)
	d.do("DELETE", "files/"+id, nil, "")
	d.get("about", url.Values{"fields": {"user"}})
	d.get("changes/startPageToken", nil)
	d.get("files/generateIds", nil)
	d.get("drives", nil)
	var got []fakecloud.Kind
	for _, r := range c.Requests() {
		got = append(got, r.Kind)
	}
	want := []fakecloud.Kind{
		"folder", "folder", "folder", "create", "lookup", "list", "get", "download", "create", "chunk",
		"update", "delete", "delete", "about", "changes", "ids", "other",
	}
	if !slices.Equal(got, want) {
		t.Errorf("kinds: %q, want %q", got, want)
	}
	last := c.Requests()[7]
	if last.Host != "www.googleapis.com" || last.Path != "/drive/v3/files/"+id || last.Query != "alt=media" || last.Status != 200 || last.Sent != 5 {
		t.Errorf("the download: %+v", last)
	}
	if chunk := c.Requests()[9]; chunk.Bytes != 3 {
		t.Errorf("the chunk: %+v", chunk)
	}
	if n := c.Count(fakecloud.KindFolder, fakecloud.KindIDs); n != 4 {
		t.Errorf("%d, want 4", n)
	}
}
