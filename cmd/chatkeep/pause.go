package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/internal/hint"
)

func (a *app) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pause " + a.say("arg.how_long"), Short: a.say("cmd.pause"), Long: a.say("cmd.pause") + "\n\n" + a.say("cmd.pause.more"), Args: a.atMost(1),
		RunE: func(c *cobra.Command, args []string) error { return a.pauseFor(c.Context(), args) },
	}
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: a.say("cmd.resume"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withDaemon(c.Context(), func(d *control.Client) error {
				if err := d.Resume(c.Context()); err != nil {
					return err
				}
				a.tell("pause.over")
				return a.document(map[string]any{"paused": nil})
			})
		},
	}
}

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: a.say("cmd.reload"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withDaemon(c.Context(), func(d *control.Client) error {
				if err := d.Reload(c.Context()); err != nil {
					return err
				}
				a.tell("reload.done")
				return a.document(map[string]any{"reloaded": true})
			})
		},
	}
}

// reloadDaemon lets a running daemon take in what was changed just now. That it
// can't is in its log and in status.
func (a *app) reloadDaemon(ctx context.Context) {
	if d, err := a.daemonOf(ctx); err == nil && d != nil {
		_ = d.Reload(ctx)
		d.Close()
	}
}

// withDaemon does something with the daemon of this device.
func (a *app) withDaemon(ctx context.Context, do func(*control.Client) error) error {
	d, err := a.daemonOf(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		return hint.New(control.CodeNoDaemon, errors.New("ask the daemon: none runs for this device"))
	}
	defer d.Close()
	return do(d)
}

// pauseFor lets nothing begin by itself for so long, or until resume.
func (a *app) pauseFor(ctx context.Context, args []string) error {
	until := time.Time{}
	if len(args) > 0 {
		length, ok := parseLength(args[0])
		if !ok {
			return usageError(errors.New(a.say("usage.how_long", "value", printable(args[0]))))
		}
		until = time.Now().Add(length).Round(time.Second)
	}
	return a.withDaemon(ctx, func(d *control.Client) error {
		if err := d.Pause(ctx, until); err != nil {
			return err
		}
		if until.IsZero() {
			a.tell("pause.forever")
			return a.document(map[string]any{"paused": map[string]any{"until": nil}})
		}
		a.tell("pause.until", "time", until.Local().Format("2006-01-02 15:04"))
		return a.document(map[string]any{"paused": map[string]any{"until": until.UTC().Format(time.RFC3339)}})
	})
}

// parseLength reads a time such as 30m, 2h or 3d: above nothing, at most a year.
func parseLength(text string) (time.Duration, bool) {
	length, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		length = time.Duration(min(max(n, 0), 1000)) * 24 * time.Hour
	}
	return length, err == nil && length > 0 && length <= 366*24*time.Hour
}
