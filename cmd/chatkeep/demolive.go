package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/sources"
)

// liveChats are the demo's messages and the app that goes on writing them
// while they are backed up.
type liveChats struct {
	writer *madeup.Writer
	path   string
	since  int // transactions when the backup began
	stop   func() error
}

const (
	// demoPause is how long the app rests between two messages.
	demoPause = time.Millisecond
	// demoCheckpoint is after how many frames of the log it tidies up.
	demoCheckpoint = 300
)

// begin opens the messages as the app does and starts writing.
func (l *liveChats) begin(chats string) (err error) {
	l.path = filepath.Join(chats, filepath.FromSlash(madeup.DemoAccount.LivePath()))
	if l.writer, err = madeup.NewWriter(l.path, madeup.WriterOptions{Seed: 1, Checkpoint: demoCheckpoint}); err != nil {
		return err
	}
	l.since = l.writer.Committed()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.writer.Run(ctx, demoPause) }()
	l.stop = func() error {
		cancel()
		return <-done
	}
	return nil
}

// pause stops writing; the app stays open.
func (l *liveChats) pause() error {
	if l.stop == nil {
		return nil
	}
	err := l.stop()
	l.stop = nil
	return err
}

// meanwhile is how many transactions were written since begin.
func (l *liveChats) meanwhile() int { return l.writer.Committed() - l.since }

// close ends the app.
func (l *liveChats) close() error {
	if l.writer == nil {
		return nil
	}
	err := errors.Join(l.pause(), l.writer.Close())
	l.writer = nil
	return err
}

// compare compares an account with what was restored of it. What no backup
// keeps, such as the app's temporary files, is not compared.
func (l *liveChats) compare(ctx context.Context, acc sources.Account, restored string) (diffs []string, err error) {
	kept := map[string]bool{}
	view, err := acc.View(ctx)
	if err != nil {
		return nil, err
	}
	err = view.Walk(ctx, func(e sources.Entry) error {
		kept[e.Path] = true
		return nil
	}, func(sources.Skipped) {})
	if err = errors.Join(err, view.Close()); err != nil {
		return nil, err
	}
	want := madeup.Restored{Except: func(path string) bool { return !kept[filepath.ToSlash(path)] }}
	if rel, err := filepath.Rel(acc.Root(), l.path); err == nil && filepath.IsLocal(rel) {
		want.Live = map[string]madeup.Live{filepath.ToSlash(rel): {Writer: l.writer, Since: l.since}}
	}
	return want.Compare(acc.Root(), restored), nil
}
