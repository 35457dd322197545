package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo/format"
)

// version is set by release builds with -ldflags "-X main.version=…".
var version = ""

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: a.say("cmd.version"), Args: a.atMost(0),
		RunE: func(*cobra.Command, []string) error { return a.version() }}
}

func (a *app) version() error {
	v := programVersion()
	a.tell("version.line", "version", v, "format", format.ReaderVersion, "go", runtime.Version(), "system", runtime.GOOS+"/"+runtime.GOARCH)
	return a.document(map[string]any{"version": v, "format": format.ReaderVersion, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
}

// programVersion is the release, or what the build knows of the source.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}

// client is how this program signs its work in the repository.
func client() string { return "chatkeep " + programVersion() }
