package metrics

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/hint"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.UTC)

func run(outcome string, ended time.Time) *history.Run {
	return &history.Run{Job: "backup", Outcome: outcome, Started: ended.Add(-time.Minute), Ended: ended}
}

func busy() (*control.Status, Facts) {
	s := &control.Status{
		Version: "1.2", PID: 4242, Since: noon.Add(-time.Hour), Config: "/home/alice/secret.yaml",
		Running: &control.Running{Job: "backup"},
		Waiting: []string{"verify"},
		Jobs: []control.Job{
			{Name: "backup", Last: run(history.Failed, noon), LastGood: run(history.Done, noon.Add(-time.Hour))},
			{Name: "verify"},
			{Name: "Alice's job", Last: run(history.Done, noon)},
			{Name: "pull", Last: run("new outcome", noon)},
		},
		Paused:     &control.Paused{},
		Decision:   policy.Decision{Allowed: policy.Allowed{Categories: []string{"messages"}}},
		Conditions: policy.Conditions{Network: "uuid-1", NetworkName: "alice's home"},
		Changes:    control.Changes{Oldest: noon.Add(-90 * time.Second), Safe: noon.Add(-2 * time.Minute)},
	}
	f := Facts{RemoteUsed: 100, RemoteFree: 7, LoginExpires: 1800000000, Uploaded: 1 << 40, Now: noon,
		Problems: map[string]int{"stale": 1, "full": 2, "li@example.org": 1}, Runs: map[string]int{history.Done: 5, "new": 2}}
	return s, f
}

// parse reads metrics with the library's own parser.
func parse(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return families
}

// values returns name{labels} and the value of each number.
func values(families map[string]*dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			key := strings.TrimPrefix(name, "chatkeep_")
			for _, l := range m.Label {
				key += "," + l.GetName() + "=" + l.GetValue()
			}
			all[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

func TestPlain(t *testing.T) {
	s, f := busy()
	text, err := Plain(s, f)
	if err != nil {
		t.Fatal(err)
	}
	at := float64(noon.UnixMilli()) / 1000
	want := map[string]float64{
		"backed_up_through_timestamp_seconds":                  at - 120,
		"oldest_unsaved_change_timestamp_seconds":              at - 90,
		"oldest_unsaved_change_age_seconds":                    90,
		"last_run_timestamp_seconds,job=backup,outcome=failed": at,
		"last_run_timestamp_seconds,job=pull,outcome=other":    at,
		"last_success_timestamp_seconds,job=backup":            at - 3600,
		"last_success_timestamp_seconds,job=pull":              0,
		"last_success_timestamp_seconds,job=verify":            0,
		"running,job=backup":                                   1,
		"running,job=pull":                                     0,
		"running,job=verify":                                   0,
		"waiting,job=backup":                                   0,
		"waiting,job=pull":                                     0,
		"waiting,job=verify":                                   1,
		"runs,outcome=done":                                    5,
		"runs,outcome=remarks":                                 0,
		"runs,outcome=failed":                                  0,
		"runs,outcome=stopped":                                 0,
		"runs,outcome=held":                                    0,
		"runs,outcome=vanished":                                0,
		"runs,outcome=other":                                   2,
		"paused":                                               1,
		"config_rejected":                                      0,
		"allowed,extent=all":                                   0,
		"allowed,extent=some":                                  1,
		"allowed,extent=none":                                  0,
		"start_time_seconds":                                   at - 3600,
		"build_info,version=1.2":                               1,
		"remote_used_bytes":                                    100,
		"remote_free_bytes":                                    7,
		"login_expires_timestamp_seconds":                      1800000000,
		"uploaded_bytes_total":                                 1 << 40,
		"problems,code=stale":                                  1,
		"problems,code=full":                                   2,
		"problems,code=other":                                  1,
	}
	got := values(parse(t, text))
	for key, value := range want {
		if v, ok := got[key]; !ok || v != value {
			t.Errorf("%s is %v, %v, want %v", key, v, ok, value)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s is too much", key)
		}
	}
}

func TestNothingPrivate(t *testing.T) {
	s, f := busy()
	for _, say := range []func(*control.Status, Facts) ([]byte, error){Text, Plain} {
		text, err := say(s, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, private := range []string{"alice", "Alice", "uuid-1", "example.org", "4242"} {
			if bytes.Contains(text, []byte(private)) {
				t.Errorf("%s is in\n%s", private, text)
			}
		}
	}
}

// A daemon that has just begun knows little, and says no number it doesn't
// know.
func TestLittleIsKnown(t *testing.T) {
	text, err := Plain(&control.Status{Version: "\xff"}, Facts{RemoteUsed: -1, RemoteFree: -1, Uploaded: -5})
	if err != nil {
		t.Fatal(err)
	}
	got := values(parse(t, text))
	for _, unknown := range []string{"remote_used_bytes", "remote_free_bytes", "login_expires_timestamp_seconds"} {
		if _, ok := got[unknown]; ok {
			t.Errorf("%s is said", unknown)
		}
	}
	for _, zero := range []string{"backed_up_through_timestamp_seconds", "oldest_unsaved_change_age_seconds", "uploaded_bytes_total", "paused", "start_time_seconds"} {
		if v, ok := got[zero]; !ok || v != 0 {
			t.Errorf("%s is %v, %v", zero, v, ok)
		}
	}
	if got["allowed,extent=none"] != 1 || got["build_info,version=?"] != 1 {
		t.Errorf("%v", got)
	}
	// A clock that was set back makes no age negative.
	s, f := busy()
	f.Now = noon.Add(-time.Hour)
	if text, err = Plain(s, f); err != nil || values(parse(t, text))["oldest_unsaved_change_age_seconds"] != 0 {
		t.Errorf("%s, %v", text, err)
	}
}

// The names and units are as the makers of Prometheus want them.
func TestLint(t *testing.T) {
	s, f := busy()
	text, err := Plain(s, f)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if bad, err := promlint.New(strings.NewReader("# TYPE x_total gauge\nx_total 1\n")).Lint(); err != nil || len(bad) == 0 {
		t.Error("it finds nothing wrong with anything")
	}
}

// OpenMetrics is the same numbers, with an end and another way to name
// counters.
func TestText(t *testing.T) {
	s, f := busy()
	text, err := Text(s, f)
	if err != nil {
		t.Fatal(err)
	}
	body, ok := strings.CutSuffix(string(text), "# EOF\n")
	if !ok || strings.Contains(body, "# EOF") {
		t.Fatalf("where it ends is not said:\n%s", text)
	}
	if !strings.Contains(body, "# TYPE chatkeep_uploaded_bytes counter\n") || !strings.Contains(body, "\nchatkeep_uploaded_bytes_total 1.099511627776e+12\n") {
		t.Errorf("the counter:\n%s", body)
	}
	plain, err := Plain(s, f)
	if err != nil {
		t.Fatal(err)
	}
	samples := func(text string) (n int) {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				n++
			}
		}
		return n
	}
	if samples(body) != samples(string(plain)) || samples(body) == 0 {
		t.Errorf("%d numbers, %d in the other format", samples(body), samples(string(plain)))
	}
	if want := "text; version=1.0.0;"; !strings.Contains(control.MetricsType, want) {
		t.Errorf("the type is %s", control.MetricsType)
	}
}

// However many problems there are, there are few numbers.
func TestBounded(t *testing.T) {
	s, f := busy()
	f.Problems, f.Runs = map[string]int{}, map[string]int{}
	for i := range 10_000 {
		f.Problems[fmt.Sprint("code", i)] = 1
		f.Runs[fmt.Sprint("outcome", i)] = 1
	}
	text, err := Plain(s, f)
	if err != nil {
		t.Fatal(err)
	}
	got := values(parse(t, text))
	if len(got) > 110 || got["problems,code=other"] != 10_000-mostProblems || got["runs,outcome=other"] != 10_000 {
		t.Errorf("%d numbers", len(got))
	}
}

// Looking at the metrics leaves nothing running.
func TestNoGoroutines(t *testing.T) {
	s, f := busy()
	before := runtime.NumGoroutine()
	for range 100 {
		if _, err := Text(s, f); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "chatkeep.prom")
	for _, text := range []string{"a 1\n", "b 2\n"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, name := range []string{"chatkeep.txt", "chatkeep", "chatkeep.prom.bak"} {
		if err := WriteFile(filepath.Join(dir, name), nil); !hint.Is(err, CodeFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "none", "x.prom"), nil); err == nil {
		t.Error("written to a folder that isn't there")
	}
	taken := filepath.Join(dir, "taken.prom")
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(taken, nil); err == nil {
		t.Error("a folder was replaced")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 2 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func BenchmarkText(b *testing.B) {
	s, f := busy()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Text(s, f); err != nil {
			b.Fatal(err)
		}
	}
}
