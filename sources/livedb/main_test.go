package livedb

import (
	"os"
	"testing"
)

// TestMain lets tests run an app that writes databases in processes of its
// own: this very program.
func TestMain(m *testing.M) {
	if plan := os.Getenv(appEnv); plan != "" {
		os.Exit(runApp(plan))
	}
	os.Exit(m.Run())
}
