package main

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/chatkeep/chatkeep/snapshot"
)

// bar is the progress line on a terminal; anywhere else it is silent.
type bar struct {
	line *progressbar.ProgressBar
}

// progress starts a progress line under a name from the catalogue.
func (a *app) progress(key string) *bar {
	if a.notes != os.Stderr || !term.IsTerminal(int(os.Stderr.Fd())) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(a.notes),
		progressbar.OptionSetDescription(a.say(key)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(20),
		progressbar.OptionUseIECUnits(false),
	)}
}

// tell is what to hand to a job, or nil if nobody is looking.
func (b *bar) tell() func(snapshot.Progress) {
	if b.line == nil {
		return nil
	}
	return func(p snapshot.Progress) { b.set(int64(p.Bytes), int64(p.TotalBytes)) }
}

func (b *bar) tellBytes() func(done, total int64) {
	if b.line == nil {
		return nil
	}
	return b.set
}

func (b *bar) set(done, total int64) {
	if b.line.GetMax64() != total && total > 0 {
		b.line.ChangeMax64(total)
	}
	_ = b.line.Set64(min(done, total)) // a terminal that is gone is no error
}

func (b *bar) end() {
	if b.line != nil {
		_ = b.line.Finish()
		_ = b.line.Clear()
	}
}
