package main

import (
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/webdav"
)

// startDAV starts a WebDAV server with one user.
func startDAV(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: dav USER PASSWORD [FILE...]")
	}
	files := &webdav.Handler{FileSystem: webdav.NewMemFS(), LockSystem: webdav.NewMemLS()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != args[0] || password != args[1] {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		doorOf("http://" + r.Host).pass(r)
		files.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv("DAV", server.URL)
	for _, name := range args[2:] {
		change(ts, ts.MkAbs(name), func(b []byte) []byte {
			return []byte(os.Expand(string(b), func(string) string { return server.URL }))
		})
	}
}
