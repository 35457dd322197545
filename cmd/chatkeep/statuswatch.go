package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// How often status --watch looks. Without a daemon each look asks the place of
// the backups.
const (
	watchEvery       = 2 * time.Second
	watchEveryRemote = time.Minute
)

// watchStatus shows how things are until Ctrl-C: on a terminal as a screen that
// is drawn anew, elsewhere each time something changed.
func (a *app) watchStatus(ctx context.Context, f statusFlags) error {
	live := !a.json && a.out == os.Stdout && term.IsTerminal(int(os.Stdout.Fd()))
	shown := ""
	for {
		p, err := a.lookAgain(ctx, f)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if text := a.unchanging(p); text != shown || p.running() != nil {
			if err := a.show(p, live); err != nil {
				return err
			}
			shown = text
		}
		wait := watchEvery
		if p.daemon == nil {
			wait = watchEveryRemote
		}
		if a.rest(ctx, wait) != nil {
			break
		}
	}
	a.silent, a.code = true, exitDone // each look was a document of its own
	return nil
}

// lookAgain looks as a command of its own would.
func (a *app) lookAgain(ctx context.Context, f statusFlags) (*view, error) {
	once := *a
	once.contact = contact{}
	p, err := once.look(ctx, f.verbose)
	once.remember(err)
	return p, err
}

// unchanging is a view without the time that passes: how long ago something
// was looked at is no news.
func (a *app) unchanging(p *view) string {
	d := a.statusDocument(p)
	d.Time = ""
	if d.Changes != nil {
		d.Changes.Looked, d.Changes.AgeSeconds = "", 0
	}
	if d.Next.Backup != "" && !p.next(jobBackup).After(p.now) {
		d.Next.Backup = "now"
	}
	text, _ := json.Marshal(d) // it holds nothing that can't be written
	return string(text)
}

// show writes a view: a document a line, a screen over the last one, or a
// screen under its time.
func (a *app) show(p *view, live bool) error {
	if a.json {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(a.statusDocument(p))
	}
	text := a.screen(p)
	if live {
		_, err := fmt.Fprintf(a.out, "\x1b[H%s\x1b[J%s\n", strings.ReplaceAll(text, "\n", "\x1b[K\n"), a.say("status.watching", "time", p.now.Format("15:04:05")))
		return err
	}
	_, err := fmt.Fprintf(a.out, "%s\n%s\n", p.now.Format("2006-01-02 15:04:05"), text)
	return err
}
