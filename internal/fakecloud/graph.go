package fakecloud

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// The hosts of Microsoft's cloud that clients of OneDrive meet. What is on
// 1drv.com and sharepoint.com bears names that change: any will do.
const (
	graphHost       = "graph.microsoft.com"
	graphHostChina  = "microsoftgraph.chinacloudapi.cn"
	signInHost      = "login.microsoftonline.com"
	signInHostChina = "login.chinacloudapi.cn"

	personalUploads   = "sn3302.up.1drv.com"
	personalDownloads = "public.by.files.1drv.com"
	personalMonitors  = "api.onedrive.com"
	businessFiles     = "contoso-my.sharepoint.com"
	siteFiles         = "contoso.sharepoint.com"
	chinaFiles        = "contoso-my.sharepoint.cn"
)

// Graph is Microsoft Graph as far as OneDrive goes, with the sign-in that
// belongs to it, in the global cloud and in the one run by 21Vianet.
//
// Accounts are made when they are first named. Graph's own methods that look
// at files are those of the first one; Account has others.
type Graph struct {
	Inside
	now func() time.Time

	mu sync.Mutex
	graphState
}

// graphState is all that survives a restart.
type graphState struct {
	Accounts []*microsoftUser
	SignIns  signIns
	Sessions map[string]*uploadSession
	Copies   map[string]copied // by the id of the copy
	Strict   bool              // SharePoint's URLs come without tempauth
	Made     int64             // counts ids of sessions and copies
}

func newGraph(now func() time.Time) *Graph {
	g := &Graph{now: now}
	g.Inside = Inside{lock: &g.mu, now: now, find: g.first}
	g.SignIns = newSignIns()
	g.Sessions, g.Copies = map[string]*uploadSession{}, map[string]copied{}
	return g
}

// first is the own drive of the account that was named first.
func (g *Graph) first() store {
	if len(g.Accounts) > 0 {
		return g.Accounts[0].Drives[0]
	}
	return g.account("personal").Drives[0]
}

// Account looks into the own drive of an account.
func (g *Graph) Account(name string) Inside {
	return g.inside(func() store { return g.account(name).Drives[0] })
}

// Library looks into the library of the SharePoint site that a business
// account belongs to.
func (g *Graph) Library(name string) Inside {
	return g.inside(func() store { return g.account(name).Drives[1] })
}

func (g *Graph) inside(find func() store) Inside {
	g.mu.Lock()
	defer g.mu.Unlock()
	find() // makes the account
	return Inside{lock: &g.mu, now: g.now, find: find}
}

// ForgetChanges makes all tokens for changes of all drives too old: they are
// answered with 410, and a client has to list everything again.
func (g *Graph) ForgetChanges() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.Accounts {
		for _, d := range a.Drives {
			d.Files.Seq++
			d.Forgot = d.Files.Seq
		}
	}
}

func (g *Graph) hosts() []string {
	return []string{
		graphHost, graphHostChina, signInHost, signInHostChina,
		personalMonitors, "*.1drv.com", "*.sharepoint.com", "*.sharepoint.cn",
	}
}

// ServeHTTP answers a request to any of the hosts.
func (g *Graph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answerLater(w, r, func(l *later, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch host := hostOf(r); host {
		case signInHost, signInHostChina:
			g.serveSignIn(l, r)
		case graphHost, graphHostChina:
			g.serveAPI(l, r, apiPath(r.URL.EscapedPath()), host)
		default:
			g.serveFiles(l, r, host)
		}
	})
}

// apiPath is the part of a path that the versions of the API share.
func apiPath(path string) string {
	for _, version := range []string{"/v1.0", "/beta"} {
		if rest, ok := strings.CutPrefix(path, version); ok {
			return rest
		}
	}
	return path
}

// serveFiles answers on the hosts that Graph's replies point to.
func (g *Graph) serveFiles(w *later, r *http.Request, host string) {
	kind, rest := filesRoute(r.URL.EscapedPath())
	var err *refusal
	switch kind {
	case "up":
		err = g.serveSession(w, r, rest)
	case "down":
		err = g.serveDownload(w, r, rest)
	case "monitor":
		err = g.serveMonitor(w, r, rest)
	case "api":
		g.serveAPI(w, r, rest, host)
	default:
		err = errItemNotFound
	}
	if err != nil {
		err.write(w, g.now())
	}
}

// filesRoutes are the paths on the file hosts, of personal drives and of
// SharePoint.
var filesRoutes = []struct{ prefix, kind string }{
	{"/up/", "up"},
	{"/_api/v2.0/up/", "up"},
	{"/y4m/", "down"},
	{"/_layouts/15/download.aspx/", "down"},
	{"/v1.0/monitor/", "monitor"},
	{"/_api/v2.0/monitor/", "monitor"},
	{"/_api/v2.0", "api"},
}

// filesRoute tells what a URL on one of the file hosts is for.
func filesRoute(path string) (kind, rest string) {
	for _, route := range filesRoutes {
		if rest, ok := strings.CutPrefix(path, route.prefix); ok {
			return route.kind, rest
		}
	}
	return "", ""
}

// hostOf is the host a request is for, without a port.
func hostOf(r *http.Request) string {
	host, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
	return host
}
