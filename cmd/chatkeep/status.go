package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// statusFlags are what status is asked for.
type statusFlags struct {
	maxAge  time.Duration
	watch   bool
	verbose bool
}

func (a *app) statusCommand() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use: "status", Short: a.say("cmd.status"), Long: a.say("cmd.status") + "\n\n" + a.say("cmd.status.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.watch {
				return a.watchStatus(c.Context(), f)
			}
			return a.status(c.Context(), f)
		},
	}
	c.Flags().DurationVar(&f.maxAge, "max-age", 0, a.say("flag.max_age"))
	c.Flags().BoolVarP(&f.watch, "watch", "w", false, a.say("flag.watch"))
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, a.say("flag.verbose"))
	return c
}

// status says whether this device's chats are safe.
func (a *app) status(ctx context.Context, f statusFlags) error {
	p, err := a.look(ctx, f.verbose)
	if err != nil {
		return err
	}
	a.raise(a.verdictOf(p, f.maxAge))
	a.printf("%s", a.screen(p))
	return a.document(a.statusDocument(p))
}

// verdictOf is the exit code of a view: 1 also where the newest backed-up
// moment is longer ago than it may be.
func (a *app) verdictOf(p *view, maxAge time.Duration) int {
	code := p.worst()
	if maxAge > 0 && !p.onlyReads && p.now.Sub(p.through) > maxAge && worth(code) < worth(exitFailed) {
		return exitFailed
	}
	return code
}

// look makes a view of how things are: from what the daemon says, if one runs
// for this configuration, else from the repository.
func (a *app) look(ctx context.Context, verbose bool) (*view, error) {
	now := a.now().Round(0)
	cfg, bad := a.loadConfig()
	st, silent := a.askDaemon(ctx)
	if st != nil && sameFile(st.Config, config.Locate(a.config, a.getenv)) {
		if bad == nil {
			bad = a.refusedByDaemon(cfg)
		}
		p := a.viewOf(a.lookAtDaemon(cfg, bad, st, now))
		if verbose && p.facts.Flagged+p.facts.Skipped > 0 {
			a.addNames(ctx, p)
		}
		return p, nil
	}
	if bad != nil {
		return nil, bad
	}
	p, err := a.lookAtRepository(ctx, now, st != nil || silent != nil)
	if err != nil {
		return nil, err
	}
	if silent != nil {
		_, text, advice := a.explain(silent)
		p.add(todo{problemJSON{Code: codeNamed(silent), Text: capital(text), Hint: advice}, "", exitRemarks})
	}
	return p, nil
}

func codeNamed(err error) string {
	if h := hint.Find(err); h != nil {
		return string(h.Code)
	}
	return string(control.CodeSilent)
}

// addNames opens the repository to name what the last backup flagged. Where it
// can't be opened, how many there are must do.
func (a *app) addNames(ctx context.Context, p *view) {
	o, s, err := a.openOwn(ctx, hurried)
	if err != nil {
		return
	}
	defer o.Close()
	if s == nil {
		return
	}
	var named view
	if err := a.addRemarks(ctx, &named, o, s); err == nil && !named.has("flagged") {
		p.nameRemarks(named.todo)
	}
}

func problemOf(code, key string, args map[string]any) notify.Problem {
	return notify.Problem{Code: code, Key: key, Args: args}
}
