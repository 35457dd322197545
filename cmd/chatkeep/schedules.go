package main

import (
	"errors"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/daemon/schedule"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Of a job whose jitter is left out.
const (
	usualJitter = time.Minute
	jitterShare = 10 // of the time between two runs
)

// timetable is when the daemon does what. What is wrong with a schedule is a
// mistake in the configuration, with its place; all are said at once.
func (a *app) timetable(cfg *config.Config) ([]schedule.Job, error) {
	state, err := config.StateDir(a.getenv)
	if err != nil {
		return nil, err
	}
	s := cfg.Schedule
	var list []schedule.Job
	var mistakes config.Errors
	usual := zoneNamed(cfg, "schedule.zone", s.Zone, nil, &mistakes)
	for _, x := range []struct {
		name   string
		timing config.Timing
	}{{"backup", s.Backup}, {"verify", s.Verify}, {"pull", s.Pull}, {"digest", s.Digest}} {
		if !x.timing.Given() {
			continue
		}
		job := schedule.Job{Name: x.name, Seed: cfg.Device + "\x00" + state}
		fillJob(cfg, &job, x.timing, usual, &mistakes)
		list = append(list, job)
	}
	if err := mistakes.Bad(); err != nil {
		return nil, err
	}
	return list, nil
}

// zoneNamed is the time zone of that name; other, if none is named.
func zoneNamed(cfg *config.Config, path, name string, other *time.Location, mistakes *config.Errors) *time.Location {
	if name == "" {
		return other
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		*mistakes = append(*mistakes, cfg.Mistake(path, "schedule_zone", "value", name))
		return other
	}
	return zone
}

// fillJob reads the schedule of a job.
func fillJob(cfg *config.Config, job *schedule.Job, t config.Timing, usual *time.Location, mistakes *config.Errors) {
	path := "schedule." + job.Name
	zone := zoneNamed(cfg, path+".zone", t.Zone, usual, mistakes)
	var err error
	if job.When, err = schedule.Parse(t.At, zone); err != nil {
		*mistakes = append(*mistakes, wrongSchedule(cfg, path+".at", t.At, err))
		return
	}
	between := shortestWait(job.When)
	if t.Jitter == 0 {
		job.Jitter = min(usualJitter, between/jitterShare)
	} else if job.Jitter = t.Jitter.Duration(); job.Jitter >= between {
		*mistakes = append(*mistakes, cfg.Mistake(path+".jitter", "jitter_long", "value", t.Jitter, "most", config.Span(between)))
	}
}

// wrongSchedule says what is wrong with a schedule.
func wrongSchedule(cfg *config.Config, path, text string, err error) *config.Error {
	h := hint.Find(err)
	if h == nil {
		h = &hint.Error{Code: schedule.HintSyntax, Err: err}
	}
	problem := h.Err
	if inner := errors.Unwrap(problem); inner != nil {
		problem = inner // without the schedule, which is named already
	}
	value := any(text)
	if zone, ok := h.Args["zone"]; ok {
		value = zone
	}
	return cfg.Mistake(path, config.Code(h.Code), "value", value, "problem", problem.Error())
}

// shortestWait is the least time between two slots, going by the first ones of
// a year: the same on each day one asks.
func shortestWait(s schedule.Schedule) time.Duration {
	const slots = 100
	at := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	shortest := time.Duration(1<<63 - 1)
	for range slots {
		next := s.Next(at)
		if next.IsZero() {
			break
		}
		shortest, at = min(shortest, next.Sub(at)), next
	}
	return shortest
}

// refusedByDaemon says why a daemon would not use a configuration that can be
// read.
func (a *app) refusedByDaemon(cfg *config.Config) error {
	if err := a.checkDaemon(cfg); err != nil {
		return err
	}
	missing, err := a.missingChannels(cfg.Notify.To)
	if err != nil || len(missing) == 0 {
		return err
	}
	return notify.Unknown(missing[0])
}

// checkDaemon looks at what only the daemon uses of the configuration.
func (a *app) checkDaemon(cfg *config.Config) error {
	_, wrongTimes := a.timetable(cfg)
	_, wrongRules := a.rules(cfg)
	var mistakes config.Errors
	for _, err := range []error{wrongTimes, wrongRules} {
		list, ok := errors.AsType[config.Errors](err)
		if err != nil && !ok {
			return err
		}
		mistakes = append(mistakes, list...)
	}
	return mistakes.Bad()
}
