package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon"
	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/changes"
)

// lastWords is how long the daemon may take to end: a job that is at work leaves
// a state that the next run takes up.
const lastWords = 5 * time.Second

// busEvery is how often a bus that is gone is tried again; 0: as package sense
// does. Tests don't wait.
var busEvery time.Duration

// keeper is the daemon with what it is made of.
type keeper struct {
	*app
	dir         string // the state folder
	log         *slog.Logger
	runs        *history.Log
	metricsFile string

	mu   sync.Mutex
	plan *served // the configuration in use

	pinged, askedUsage time.Time // told only: it is never called twice at once
}

// served is one configuration at work.
type served struct {
	cfg      *config.Config
	notifier *notify.Notifier
}

func (a *app) daemonCommand() *cobra.Command {
	var metrics string
	c := &cobra.Command{
		Use: "daemon", Short: a.say("cmd.daemon"), Long: a.say("cmd.daemon") + "\n\n" + a.say("cmd.daemon.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.daemon(c.Context(), metrics) },
	}
	c.Flags().StringVar(&metrics, "metrics-file", "", a.say("flag.metrics_file"))
	return c
}

// daemon does the jobs of the configuration until it is told to end.
func (a *app) daemon(ctx context.Context, metricsFile string) error {
	if a.linger != nil {
		a.linger.Store(int64(lastWords))
	}
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil && a.keyCredential() == "" {
		if _, err := a.loadConfig(); err != nil {
			return err // who has not begun yet is told how
		}
		return hint.New("not_member", errors.New("start the daemon: this device has no keys"))
	}
	s := &keeper{app: a, dir: dir, log: daemon.Logger(a.notes), runs: history.Open(dir), metricsFile: metricsFile}
	if last, err := s.runs.LastOf(jobBackup); err == nil && last != nil {
		s.pinged = last.Ended // what ended before is no sign of life
	}
	listener, err := control.ListenFor(dir, a.getenv)
	if err != nil {
		return err
	}
	senses := sense.Open(ctx, sense.Options{Bus: a.getenv("DBUS_SYSTEM_BUS_ADDRESS"), Disk: dir, Retry: busEvery})
	d, err := daemon.New(daemon.Options{Dir: dir, Version: client(), Load: s.load, Sense: senses, Log: s.log, Now: s.now,
		Supervisor: daemon.Systemd{}, Metrics: s.metrics})
	if err != nil {
		return errors.Join(err, listener.Close(), senses.Close())
	}
	s.log.Info("the daemon begins", "version", client())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := s.onReload(ctx, d)
	// It is served until the loop has ended: who watches a job hears how it ended.
	serving, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	served := make(chan error, 1)
	go func() {
		err := control.Serve(serving, listener, d, s.log)
		cancel() // a daemon nobody can talk to starts anew
		served <- err
	}()
	d.Loop(ctx)
	cancel()
	stop()
	hangUp()
	err = errors.Join(<-served, senses.Close())
	s.log.Info("the daemon ends")
	return err
}

// onReload reads the configuration again at each SIGHUP.
func (s *keeper) onReload(ctx context.Context, d *daemon.Daemon) (stop func()) {
	again := make(chan os.Signal, 1)
	if len(reloadSignals) > 0 {
		signal.Notify(again, reloadSignals...)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-again:
				_ = d.Reload(ctx) // it is in the log and in the status
			}
		}
	}()
	return func() { signal.Stop(again); <-done }
}

// load makes a plan of the configuration.
func (s *keeper) load() (*daemon.Plan, error) {
	cfg, err := s.loadConfig()
	if err != nil {
		return nil, err
	}
	if err := s.checkDaemon(cfg); err != nil {
		return nil, err
	}
	jobs, err := s.jobs(cfg)
	if err != nil {
		return nil, err
	}
	rules, err := s.rules(cfg)
	if err != nil {
		return nil, err
	}
	entries, err := configured(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	notifier, err := s.notifierOf(cfg)
	if err != nil {
		return nil, err
	}
	p := &served{cfg: cfg, notifier: notifier}
	s.mu.Lock()
	s.plan = p
	s.mu.Unlock()
	plan := &daemon.Plan{Config: cfg.File(), Jobs: jobs, Rules: rules,
		Told: func(ctx context.Context, st *control.Status) time.Time { return s.told(ctx, p, st) }}
	if quiet := cfg.Schedule.OnChange; quiet > 0 && slices.ContainsFunc(entries, keepsMessages) {
		plan.Quiet = time.Duration(quiet)
		plan.Watch = changes.New(func(ctx context.Context) ([]sources.Account, error) { return accounts(ctx, cfg) }, daemon.LastSafe(s.runs), s.now)
	}
	return plan, nil
}

// keepsMessages reports whether a source is an app's, whose databases show when
// new messages come.
func keepsMessages(e entry) bool { return e.app != nil }

// current is the configuration in use.
func (s *keeper) current() *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plan
}
