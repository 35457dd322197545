// Package metrics says what the daemon knows as numbers, for Prometheus and
// what understands it. It is the one door to its library.
//
// There are a few dozen numbers, whatever is backed up: none of them carries a
// name, an account or an id.
package metrics

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
)

// Facts are what is measured, besides the daemon's status.
type Facts struct {
	RemoteUsed, RemoteFree int64          // bytes; -1 if unknown
	LoginExpires           int64          // seconds since 1970; 0 if it doesn't, or is unknown
	Problems               map[string]int // by code
	Runs                   map[string]int // that are remembered, by outcome
	Uploaded               int64          // bytes since the daemon began
	Now                    time.Time      // zero: time.Now
}

// Text returns the metrics in the OpenMetrics text format.
func Text(s *control.Status, f Facts) ([]byte, error) {
	format, err := expfmt.NewOpenMetricsFormat(expfmt.OpenMetricsVersion_1_0_0)
	if err != nil {
		return nil, fmt.Errorf("write metrics: %w", err)
	}
	return text(s, f, format)
}

// Plain returns them in the text format of Prometheus, which is the one that
// node_exporter reads from files.
func Plain(s *control.Status, f Facts) ([]byte, error) {
	return text(s, f, expfmt.NewFormat(expfmt.TypeTextPlain))
}

// text fills a registry of its own each time: nothing is kept between two
// looks, and what is no more true is no more said.
func text(s *control.Status, f Facts, format expfmt.Format) ([]byte, error) {
	if f.Now.IsZero() {
		f.Now = time.Now()
	}
	m := sheet{registry: prometheus.NewRegistry()}
	m.safety(s, f)
	m.jobs(s)
	m.runs(f.Runs)
	m.circumstances(s)
	m.remote(f)
	m.problems(f.Problems)
	if m.err != nil {
		return nil, fmt.Errorf("write metrics: %w", m.err)
	}
	families, err := m.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("write metrics: %w", err)
	}
	var out bytes.Buffer
	enc := expfmt.NewEncoder(&out, format)
	for _, family := range families {
		if err := enc.Encode(family); err != nil {
			return nil, fmt.Errorf("write metrics: %w", err)
		}
	}
	if end, ok := enc.(expfmt.Closer); ok { // OpenMetrics says where it ends
		if err := end.Close(); err != nil {
			return nil, fmt.Errorf("write metrics: %w", err)
		}
	}
	return out.Bytes(), nil
}

// sheet is what is being written down.
type sheet struct {
	registry *prometheus.Registry
	err      error
}

// series returns a gauge with labels.
func (m *sheet) series(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "chatkeep", Name: name, Help: help}, labels)
	m.add(v)
	return v
}

func (m *sheet) gauge(name, help string, value float64) {
	m.series(name, help).WithLabelValues().Set(value)
}

func (m *sheet) add(c prometheus.Collector) {
	if err := m.registry.Register(c); err != nil && m.err == nil {
		m.err = err
	}
}

func (m *sheet) safety(s *control.Status, f Facts) {
	m.gauge("backed_up_through_timestamp_seconds", "Everything written before it is backed up; 0 if nothing is.", seconds(s.Changes.Safe))
	m.gauge("oldest_unsaved_change_timestamp_seconds", "The oldest change that is not backed up; 0 if none is known.", seconds(s.Changes.Oldest))
	age := 0.0
	if !s.Changes.Oldest.IsZero() {
		age = max(0, f.Now.Sub(s.Changes.Oldest).Seconds())
	}
	m.gauge("oldest_unsaved_change_age_seconds", "For how long the oldest change has not been backed up; 0 if none is known.", age)
}

func (m *sheet) jobs(s *control.Status) {
	last := m.series("last_run_timestamp_seconds", "When the last run of a job ended, and how.", "job", "outcome")
	good := m.series("last_success_timestamp_seconds", "When the last good run of a job ended; 0 if there was none.", "job")
	running := m.series("running", "Whether a job is at work.", "job")
	waiting := m.series("waiting", "Whether a job is due and may not run yet.", "job")
	for _, j := range s.Jobs {
		job, ok := word(j.Name)
		if !ok {
			continue
		}
		if j.Last != nil && j.Last.Outcome != "" {
			last.WithLabelValues(job, outcome(j.Last.Outcome)).Set(seconds(j.Last.Ended))
		}
		good.WithLabelValues(job).Set(0)
		if j.LastGood != nil {
			good.WithLabelValues(job).Set(seconds(j.LastGood.Ended))
		}
		running.WithLabelValues(job).Set(number(s.Running != nil && s.Running.Job == j.Name))
		waiting.WithLabelValues(job).Set(number(slices.Contains(s.Waiting, j.Name)))
	}
}

var outcomes = []string{history.Done, history.Remarks, history.Failed, history.Stopped, history.Held, history.Vanished}

const other = "other"

// outcome is one of a few, also if a later version knows more.
func outcome(text string) string {
	if slices.Contains(outcomes, text) {
		return text
	}
	return other
}

func (m *sheet) runs(counts map[string]int) {
	runs := m.series("runs", "Runs in the history, which is bounded, by outcome.", "outcome")
	for _, o := range append(slices.Clone(outcomes), other) {
		runs.WithLabelValues(o).Set(0)
	}
	for o, n := range counts {
		runs.WithLabelValues(outcome(o)).Add(float64(n))
	}
}

func (m *sheet) circumstances(s *control.Status) {
	m.gauge("paused", "Whether the user paused.", number(s.Paused != nil))
	m.gauge("config_rejected", "Whether the newest configuration is wrong, so that an older one is in use.", number(s.BadConfig != nil))
	allowed := m.series("allowed", "What may be sent now: all, some or none is 1.", "extent")
	extent := "none"
	switch a := s.Decision.Allowed; {
	case a.All:
		extent = "all"
	case len(a.Categories) > 0:
		extent = "some"
	}
	for _, e := range []string{"all", "some", "none"} {
		allowed.WithLabelValues(e).Set(number(e == extent))
	}
	m.gauge("start_time_seconds", "When the daemon began.", seconds(s.Since))
	m.series("build_info", "1, with the version of chatkeep.", "version").WithLabelValues(strings.ToValidUTF8(s.Version, "?")).Set(1)
}

func (m *sheet) remote(f Facts) {
	if f.RemoteUsed >= 0 {
		m.gauge("remote_used_bytes", "What is used at the place the backups are kept, as it last said.", float64(f.RemoteUsed))
	}
	if f.RemoteFree >= 0 {
		m.gauge("remote_free_bytes", "What is free at the place the backups are kept, as it last said.", float64(f.RemoteFree))
	}
	if f.LoginExpires > 0 {
		m.gauge("login_expires_timestamp_seconds", "When the sign-in ends.", float64(f.LoginExpires))
	}
	sent := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "chatkeep", Name: "uploaded_bytes_total", Help: "Bytes sent since the daemon began."})
	sent.Add(float64(max(0, f.Uploaded)))
	m.add(sent)
}

// mostProblems bounds the codes that are told apart; there are fewer.
const mostProblems = 64

func (m *sheet) problems(counts map[string]int) {
	problems := m.series("problems", "Problems there are now, by code; one whose code is gone is over.", "code")
	for i, c := range slices.Sorted(maps.Keys(counts)) {
		code, ok := word(c)
		if !ok || i >= mostProblems {
			code = other
		}
		problems.WithLabelValues(code).Add(float64(counts[c]))
	}
}

// word returns text if it can be a code or the name of a job.
func word(text string) (string, bool) {
	ok := text != "" && len(text) <= 64 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
	return text, ok
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
