// Command chatkeep keeps a person's chats safe: encrypted, incremental backups
// of chat folders that any device with a key brings back.
//
// Output rules, for every command: results go to stdout and everything else to
// stderr. With --json there is exactly one JSON document on stdout, also for an
// error: {"error":{"code","text","hint"}}. Exit codes: 0 done; 1 failed; 2
// wrong use or configuration; 3 done, but something was skipped, flagged or
// could not be written, and is named; 4 integrity or authenticity failure.
//
// One command per file; wire.go joins the packages. All sentences come from
// internal/i18n.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/chatkeep/chatkeep/providers/cloud"
)

// Exit codes.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitRemarks   = 3
	exitIntegrity = 4
)

// patience is how long a command may take to end after Ctrl-C. Whatever it is
// doing, stopping there leaves a state that the next run takes up.
const patience = 1500 * time.Millisecond

func main() { os.Exit(run(os.Args[1:])) }

// run is the whole program but os.Exit.
func run(args []string) int {
	cloud.IgnoreSignals() // before rclone can take them over
	frugal()
	findNames(os.Getenv, resolvConf)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := newApp(args)
	done := make(chan int, 1)
	go func() { done <- a.execute(ctx) }()
	select {
	case code := <-done:
		return code
	case <-ctx.Done():
		stop() // a second Ctrl-C ends it at once
	}
	select {
	case code := <-done:
		return code
	case <-time.After(max(patience, time.Duration(a.linger.Load()))):
		return a.fail(context.Canceled)
	}
}

// frugal bounds the heap: a backup shares the computer with the chats.
func frugal() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(72 << 20)
	}
}
