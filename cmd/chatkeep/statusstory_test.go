package main

import (
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// longestUntil is how long a story waits for something that takes a moment.
const longestUntil = 30 * time.Second

// until asks for the status, again and again, until the document shows this; with
// "!", until it no longer does.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: until PATTERN")
	}
	want := regexp.MustCompile(args[0])
	for begin := time.Now(); ; {
		_ = ts.Exec("chatkeep", "status", "--json") // whatever the exit code
		text := ts.ReadFile("stdout")
		if want.MatchString(text) != neg {
			return
		}
		if time.Since(begin) > longestUntil {
			ts.Fatalf("status does not come to that:\n%s", text)
		}
	}
}
