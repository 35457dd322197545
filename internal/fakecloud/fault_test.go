package fakecloud_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// oneFile is a drive with one file, and a client that makes connections afresh: Go's
// asks again where a kept connection breaks, which would hide the faults.
func oneFile(t *testing.T) (c *fakecloud.Cloud, d drive, file string) {
	t.Helper()
	c = start(t, fakecloud.Options{})
	d = newDrive(t, c, "ada")
	d.client.Transport.(*http.Transport).DisableKeepAlives = true
	file = d.upload("file", "root", "0123456789")
	c.ResetRequests()
	return c, d, file
}

func (d drive) download(file string) answer {
	d.t.Helper()
	return d.get("files/"+file, url.Values{"alt": {"media"}})
}

func TestFaultsMatch(t *testing.T) {
	tests := []struct {
		name  string
		fault fakecloud.Fault
		want  string // which of four requests fail
	}{
		{"once", fakecloud.Fault{}, "x..."},
		{"twice", fakecloud.Fault{Times: 2}, "xx.."},
		{"for ever", fakecloud.Fault{Times: -1}, "xxxx"},
		{"later", fakecloud.Fault{Skip: 1, Times: 2}, ".xx."},
		{"kind", fakecloud.Fault{Kind: fakecloud.KindAbout}, ".x.."},
		{"method", fakecloud.Fault{Method: "POST"}, "..x."},
		{"path", fakecloud.Fault{Path: regexp.MustCompile("^/drive/v3/files$"), Times: 2}, "x.x."},
		{"query", fakecloud.Fault{Path: regexp.MustCompile(`pageSize=7`)}, "x..."},
		{"host", fakecloud.Fault{Host: "oauth2.googleapis.com"}, "...x"},
		{"all of them", fakecloud.Fault{Kind: fakecloud.KindAbout, Method: "POST"}, "...."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, d, _ := oneFile(t)
			tt.fault.Status = http.StatusTeapot
			c.Inject(tt.fault)
			got := ""
			for _, a := range []answer{
				d.get("files", url.Values{"pageSize": {"7"}}),
				d.get("about", url.Values{"fields": {"user"}}),
				d.post("files", `{"name":"x"}`),
				do(t, d.client, "POST", "https://oauth2.googleapis.com/token", "", nil),
			} {
				got += map[bool]string{true: "x", false: "."}[a.status == http.StatusTeapot]
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestFirstFaultWins(t *testing.T) {
	c, d, file := oneFile(t)
	c.Inject(fakecloud.Fault{Status: 500})
	c.Inject(fakecloud.Fault{Status: 501, Times: -1})
	for _, want := range []int{500, 501, 501} {
		if a := d.download(file); a.status != want {
			t.Errorf("status %d, want %d", a.status, want)
		}
	}
	c.ClearFaults()
	if a := d.download(file); a.status != 200 {
		t.Errorf("status %d after ClearFaults", a.status)
	}
}

func TestFaultStatus(t *testing.T) {
	c, d, file := oneFile(t)
	status, body := fakecloud.DriveError(403, "userRateLimitExceeded", "User Rate Limit Exceeded")
	c.Inject(fakecloud.Fault{Status: status, Body: body, Header: http.Header{"Retry-After": {"7"}}})
	a := d.download(file)
	d.wantError(a, 403, "userRateLimitExceeded")
	if a.header.Get("Retry-After") != "7" || a.text("error.errors.0.domain") != "usageLimits" {
		t.Errorf("%+v", a)
	}
	// A header alone comes with the service's own answer.
	c.Inject(fakecloud.Fault{Header: http.Header{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}})
	if a := d.download(file); a.body != "0123456789" || !strings.Contains(a.header.Get("Date"), "1970") {
		t.Errorf("%+v", a)
	}
}

func TestFaultBeforeTheWork(t *testing.T) {
	for name, f := range map[string]fakecloud.Fault{"status": {Status: 500}, "drop": {Drop: true}} {
		c, d, _ := oneFile(t)
		c.Inject(f)
		if a := d.multipart(`{"name":"new"}`, "x"); a.status == 200 {
			t.Errorf("%s: %+v", name, a)
		}
		if got := c.Drive().Paths(); len(got) != 1 {
			t.Errorf("%s: the work was done: %q", name, got)
		}
	}
}

func TestFaultAfterTheWork(t *testing.T) {
	for name, f := range map[string]fakecloud.Fault{
		"status": {After: true, Status: 500}, "drop": {After: true, Drop: true}, "alone": {After: true},
	} {
		c, d, _ := oneFile(t)
		c.Inject(f)
		if a := d.multipart(`{"name":"new"}`, "x"); a.status == 200 {
			t.Errorf("%s: %+v", name, a)
		}
		if got := c.Drive().Paths(); len(got) != 2 {
			t.Errorf("%s: the work was not done: %q", name, got)
		}
	}
}

func TestFaultDrop(t *testing.T) {
	c, d, file := oneFile(t)
	c.Inject(fakecloud.Fault{Drop: true})
	if a := d.download(file); a.err == nil {
		t.Errorf("answered: %+v", a)
	}
	if r := c.Requests(); len(r) != 1 || r[0].Status != 0 || r[0].Kind != fakecloud.KindDownload {
		t.Errorf("requests: %+v", r)
	}
	if a := d.download(file); a.body != "0123456789" {
		t.Errorf("the next one: %+v", a)
	}
}

func TestFaultTruncate(t *testing.T) {
	c, d, file := oneFile(t)
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindDownload, Truncate: 4})
	a := d.download(file)
	if a.status != 200 || a.body != "0123" || a.err == nil {
		t.Errorf("%+v", a)
	}
	if r := c.Requests(); r[0].Sent != 4 {
		t.Errorf("requests: %+v", r)
	}
}

func TestFaultStall(t *testing.T) {
	c, d, file := oneFile(t)
	more := make(chan struct{})
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindDownload, Truncate: 4, Stall: more})
	body := d.begin(file)
	if got := readUpTo(body, 4); got != "0123" {
		t.Errorf("before: %q", got)
	}
	close(more)
	if got := readUpTo(body, 100); got != "456789" {
		t.Errorf("after: %q", got)
	}
}

// begin starts a download and leaves its body to be read.
func (d drive) begin(file string) io.Reader {
	d.t.Helper()
	r, err := http.NewRequest("GET", "https://www.googleapis.com/drive/v3/files/"+file+"?alt=media", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	res, err := d.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { res.Body.Close() })
	return res.Body
}

func readUpTo(r io.Reader, n int) string {
	b := make([]byte, n)
	got, _ := io.ReadFull(r, b)
	return string(b[:got])
}

func TestFaultDelay(t *testing.T) {
	c, d, file := oneFile(t)
	ready, answered := make(chan struct{}), make(chan answer)
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindDownload, Delay: ready})
	go func() { answered <- d.download(file) }()
	d.must(d.get("files/"+file, nil)) // others are not held up
	ready <- struct{}{}               // taken only by a request that waits
	if a := <-answered; a.body != "0123456789" {
		t.Errorf("%+v", a)
	}
}

// Close doesn't wait for what a test forgot to release.
func TestCloseEndsAStall(t *testing.T) {
	c, d, file := oneFile(t)
	c.Inject(fakecloud.Fault{Kind: fakecloud.KindDownload, Truncate: 4, Stall: make(chan struct{})})
	body := d.begin(file)
	if got := readUpTo(body, 4); got != "0123" {
		t.Errorf("before: %q", got)
	}
	stop(t, c)
	if got := readUpTo(body, 100); got != "" {
		t.Errorf("after: %q", got)
	}
}
