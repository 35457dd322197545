package fakecloud

import (
	"net/http"
	"strings"
)

// classify tells what a request is for.
func (g *Graph) classify(r *http.Request) Kind {
	switch host := hostOf(r); host {
	case signInHost, signInHostChina:
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			return KindConsent
		}
		return KindToken
	case graphHost, graphHostChina:
		return g.classifyAPI(r, apiPath(r.URL.EscapedPath()))
	}
	switch kind, rest := filesRoute(r.URL.EscapedPath()); kind {
	case "up":
		return KindChunk
	case "down":
		return KindDownload
	case "api":
		return g.classifyAPI(r, rest)
	}
	return KindOther
}

func (g *Graph) classifyAPI(r *http.Request, path string) Kind {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	id, below, inside := strings.Cut(rest, "/")
	switch {
	case first == "me" && id == "drive" && inside:
		g.mu.Lock()
		defer g.mu.Unlock()
		if a, _, err := g.caller(r, hostOf(r)); err == nil {
			return a.Drives[0].classify(r, "/"+below)
		}
		return KindOther
	case first == "drives" && inside:
		g.mu.Lock()
		defer g.mu.Unlock()
		if _, d := g.drive(unescape(id)); d != nil {
			return d.classify(r, "/"+below)
		}
		return KindOther
	case first == "me", first == "drives", first == "sites":
		return KindAbout
	}
	return KindOther
}

// graphKinds is what a request with a route is for.
var graphKinds = map[string]Kind{
	"PATCH ":                   KindUpdate,
	"DELETE ":                  KindDelete,
	"POST permanentDelete":     KindDelete,
	"GET children":             KindList,
	"POST children":            KindFolder,
	"GET delta":                KindChanges,
	"GET content":              KindDownload,
	"GET contentStream":        KindDownload,
	"PUT content":              KindCreate,
	"POST createUploadSession": KindCreate,
	"POST copy":                KindCreate,
}

// classify tells what a request about an item is for. A look-up of what isn't
// there counts as one of a file.
func (d *OneDrive) classify(r *http.Request, rest string) Kind {
	a, ok := parseAddress(rest, r.URL.Query())
	if !ok {
		return KindOther
	}
	name, _, _ := strings.Cut(strings.ReplaceAll(a.route, "(", "/"), "/")
	if kind, ok := graphKinds[r.Method+" "+name]; ok {
		return kind
	}
	if r.Method != http.MethodGet || name != "" {
		return KindOther
	}
	base := d.Files.root()
	if a.id != "root" {
		base = d.Files.alive(a.id)
	}
	f := d.Files.find(base, a.path)
	switch {
	case f != nil && f.Folder:
		return KindFolder
	case a.path == "":
		return KindGet
	}
	return KindLookup
}
