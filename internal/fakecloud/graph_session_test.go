package fakecloud_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

const fragment = 320 << 10

// session is an upload session.
type session struct {
	graph
	url  string
	auth string // for URLs that don't carry their permission
}

func (g graph) session(path, body string) session {
	g.t.Helper()
	a := g.on("POST", "/root:/"+path+":/createUploadSession", body)
	if a.status != 200 || a.text("uploadUrl") == "" || a.text("nextExpectedRanges.0") != "0-" {
		g.t.Fatalf("session: %d %s", a.status, a.body)
	}
	return session{graph: g, url: a.text("uploadUrl")}
}

func (s session) header() map[string]string {
	if s.auth == "" {
		return map[string]string{}
	}
	return map[string]string{"Authorization": "Bearer " + s.auth}
}

func (s session) send(from int, data []byte, total int) answer {
	s.t.Helper()
	header := s.header()
	header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, from+len(data)-1, total)
	return s.bare("PUT", s.url, string(data), header)
}

func (s session) position() answer {
	s.t.Helper()
	return s.bare("GET", s.url, "", s.header())
}

func TestGraphSession(t *testing.T) {
	for _, account := range []string{"personal", "business"} {
		c := start(t, fakecloud.Options{Virtual: true})
		g := newGraph(t, c, account)
		const total = 2*fragment + 10
		data := []byte(strings.Repeat("0123456789", total/10))
		s := g.session("d/f", `{"item":{"fileSystemInfo":{"lastModifiedDateTime":"2020-02-29T12:34:56Z"}}}`)
		if a := s.send(0, data[:fragment], total); a.status != 202 || a.text("nextExpectedRanges.0") != fmt.Sprintf("%d-%d", fragment, total-1) {
			t.Errorf("first: %+v", a)
		}
		wantGraph(t, s.send(0, data[:fragment], total), 416, "invalidRange")
		wantGraph(t, s.send(2*fragment, data[2*fragment:], total), 416, "invalidRange")
		wantGraph(t, s.send(fragment, data[fragment:fragment+100], total), 400, "invalidRequest")
		wantGraph(t, s.send(fragment, data[fragment:2*fragment], total+1), 400, "invalidRequest")
		if a := s.position(); a.text("nextExpectedRanges.0") != fmt.Sprintf("%d-%d", fragment, total-1) || a.text("expirationDateTime") == "" {
			t.Errorf("position: %+v", a)
		}
		if got := c.Graph().Paths(); len(got) != 0 {
			t.Errorf("half a file is seen: %q", got)
		}
		a := s.send(fragment, data[fragment:2*fragment], total)
		if a.status != 202 {
			t.Errorf("second: %+v", a)
		}
		a = s.send(2*fragment, data[2*fragment:], total)
		if a.status != 201 || a.text("size") == "" || a.text("fileSystemInfo.lastModifiedDateTime") != "2020-02-29T12:34:56Z" || a.text("file.hashes.quickXorHash") == "" {
			t.Errorf("last: %+v", a)
		}
		if got := c.Graph().Files()["d/f"]; !slices.Equal(got, data) {
			t.Errorf("%d bytes arrived, want %d", len(got), len(data))
		}
		wantGraph(t, s.position(), 404, "itemNotFound")
		s = g.session("d/F", `{}`)
		if a := s.send(0, []byte("new"), 3); a.status != 200 {
			t.Errorf("replaced: %+v", a)
		}
	}
}

func TestGraphSessionEnds(t *testing.T) {
	c := start(t, fakecloud.Options{Virtual: true})
	g := newGraph(t, c, "personal")
	s := g.session("f", `{}`)
	if a := s.bare("DELETE", s.url, "", nil); a.status != 204 {
		t.Errorf("delete: %+v", a)
	}
	wantGraph(t, s.position(), 404, "itemNotFound")
	s = g.session("f", `{}`)
	c.Advance(8 * 24 * time.Hour)
	wantGraph(t, s.send(0, []byte("x"), 1), 404, "itemNotFound")
	wantGraph(t, g.on("POST", "/root:/f:/createUploadSession", `{}`), 401, "InvalidAuthenticationToken")
}

func TestGraphSessionConflict(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	const fail = `{"item":{"@microsoft.graph.conflictBehavior":"fail"}}`
	s := g.session("f", fail)
	g.put("f", "came first")
	wantGraph(t, s.send(0, []byte("x"), 1), 409, "nameAlreadyExists")
	wantGraph(t, g.on("POST", "/root:/f:/createUploadSession", fail), 409, "nameAlreadyExists")
	if got := string(c.Graph().Files()["f"]); got != "came first" {
		t.Errorf("content %q", got)
	}
}

func TestGraphQuota(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	c.Graph().SetQuota(10)
	g.put("f", "1234567")
	wantGraph(t, g.on("PUT", "/root:/g:/content", "1234"), 507, "quotaLimitReached")
	wantGraph(t, g.session("g", `{}`).send(0, []byte("1234"), 4), 507, "quotaLimitReached")
	wantGraph(t, g.session("g", `{}`).send(0, make([]byte, fragment), 2*fragment), 507, "quotaLimitReached")
	wantGraph(t, g.on("POST", "/root:/g:/createUploadSession", `{"item":{"fileSize":4}}`), 507, "quotaLimitReached")
	about := g.on("GET", "", "")
	if about.text("quota.remaining") != "3" || about.text("quota.state") != "normal" {
		t.Errorf("quota: %s", about.body)
	}
	if g.on("DELETE", "/root:/f", ""); g.on("PUT", "/root:/g:/content", "1234").status != 507 {
		t.Error("what is in the recycle bin takes no room")
	}
	c.Graph().EmptyTrash()
	g.put("g", "1234")
}

// A server that kept half a chunk says so when it is asked.
func TestGraphKeepsHalfAChunk(t *testing.T) {
	c := start(t, fakecloud.Options{})
	g := newGraph(t, c, "personal")
	s := g.session("f", `{}`)
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindChunk, Keep: 100, After: true, Status: 503})
	if a := s.send(0, make([]byte, fragment), fragment); a.status != 503 {
		t.Fatalf("fault: %+v", a)
	}
	if a := s.position(); a.text("nextExpectedRanges.0") != fmt.Sprintf("100-%d", fragment-1) {
		t.Errorf("position: %+v", a)
	}
	wantGraph(t, s.send(0, make([]byte, fragment), fragment), 416, "invalidRange")
	if a := s.send(100, make([]byte, fragment-100), fragment); a.status != 201 {
		t.Errorf("rest: %+v", a)
	}
}

// URLs that carry their permission want no token; the others want one for
// their own host.
func TestGraphFileHosts(t *testing.T) {
	tests := []struct {
		account, host string
		strict        bool
	}{
		{"personal", ".1drv.com", false},
		{"business", ".sharepoint.com", false},
		{"business", ".sharepoint.com", true},
		{"china", ".sharepoint.cn", false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.account, tt.strict), func(t *testing.T) {
			c := start(t, fakecloud.Options{Virtual: true})
			c.Graph().RetireTempauth(tt.strict)
			g := newGraph(t, c, tt.account)
			c.Graph().PutPath("f", []byte("0123456789"))
			a := g.on("GET", "/root/children('f')/content", "")
			at, err := url.Parse(a.header.Get("Location"))
			if a.status != 302 || err != nil || !strings.HasSuffix(at.Host, tt.host) {
				t.Fatalf("download: %+v", a)
			}
			if at.Query().Has("tempauth") != (strings.Contains(tt.host, "sharepoint") && !tt.strict) {
				t.Errorf("download URL: %s", at)
			}
			right := map[string]string{}
			wrong := map[string]string{"Authorization": "Bearer " + g.token}
			if tt.strict {
				right["Authorization"] = "Bearer " + sharePoint(t, c, tt.account, at.Host)
				if a := g.bare("GET", at.String(), "", nil); a.status != 401 {
					t.Errorf("without a token: %+v", a)
				}
			}
			if a := g.bare("GET", at.String(), "", wrong); a.status != 401 {
				t.Errorf("with Graph's token: %+v", a)
			}
			if a := g.bare("GET", at.String(), "", right); a.status != 200 || a.body != "0123456789" {
				t.Errorf("all: %+v", a)
			}
			right["Range"] = "bytes=2-4"
			if a := g.bare("GET", at.String(), "", right); a.status != 206 || a.body != "234" || a.header.Get("Content-Range") != "bytes 2-4/10" {
				t.Errorf("range: %+v", a)
			}
			right["Range"] = "bytes=10-"
			if a := g.bare("GET", at.String(), "", right); a.status != 416 {
				t.Errorf("range behind the end: %+v", a)
			}
			c.Advance(2 * time.Hour)
			if a := g.bare("GET", at.String(), "", right); a.status != 401 {
				t.Errorf("two hours later: %+v", a)
			}
		})
	}
}

// sharePoint refreshes into a token for a SharePoint host.
func sharePoint(t *testing.T, c *fakecloud.Cloud, account, host string) string {
	t.Helper()
	signIn := c.Graph().SignIn(account)
	a := microsoft(t, client(t, c), "/common/oauth2/v2.0/token", map[string]string{
		"grant_type": "refresh_token", "client_id": signIn["client_id"], "scope": "https://" + host + "/.default",
		"refresh_token": tokenIn(t, signIn, "refresh_token"),
	})
	if a.status != http.StatusOK {
		t.Fatalf("token for %s: %+v", host, a)
	}
	return a.text("access_token")
}

// A request that breaks off leaves nothing behind.
func TestGraphBrokenUploads(t *testing.T) {
	c := start(t, fakecloud.Options{})
	s := newGraph(t, c, "personal").session("f", `{}`)
	whole := "https://" + s.host + "/v1.0/drives/" + s.drive + "/root:/g:/content"
	for address, token := range map[string]string{s.url: "", whole: "Bearer " + s.token} {
		r, err := http.NewRequest("PUT", address, &shortBody{left: 100})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = fragment
		r.Header.Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", fragment-1, fragment))
		if token != "" {
			r.Header.Set("Authorization", token)
		}
		if _, err := s.client.Do(r); err == nil {
			t.Fatal("the request went through")
		}
	}
	if a := s.position(); a.text("nextExpectedRanges.0") != "0-" {
		t.Errorf("position: %+v", a)
	}
	stop(t, c) // waits for the requests to end
	if got := c.Graph().Paths(); len(got) != 0 {
		t.Errorf("paths: %q", got)
	}
}

// shortBody is a body that ends too early.
type shortBody struct{ left int }

func (b *shortBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, fmt.Errorf("broken on purpose")
	}
	n := min(b.left, len(p))
	b.left -= n
	return n, nil
}
