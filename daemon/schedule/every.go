package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Bounds of @every.
const (
	shortestInterval = time.Minute
	day              = 24 * time.Hour
	longestInterval  = 3653 * day
)

// every is a schedule that counts from the last slot, in real time: it has no
// slots of its own, so none is lost when the program starts again.
type every struct {
	text     string
	interval time.Duration
}

func (e *every) String() string { return e.text }

// Next returns the time one interval after t.
func (e *every) Next(t time.Time) time.Time { return t.Round(0).Add(e.interval) }

// length is how an interval is written: days, what Go takes as a duration, or
// both, such as 3d, 90m or 1d12h.
var length = regexp.MustCompile(`^(-?)(?:([0-9]{1,9})d)?([0-9.].*)?$`)

// parseEvery reads what follows @every.
func parseEvery(text, value string) (Schedule, error) {
	m := length.FindStringSubmatch(value)
	if m == nil || m[2] == "" && m[3] == "" {
		return nil, syntax(text, fmt.Errorf("%q is no interval", value))
	}
	days, _ := strconv.Atoi(m[2])
	var rest time.Duration
	if m[3] != "" {
		var err error
		if rest, err = time.ParseDuration(m[3]); err != nil {
			return nil, syntax(text, err)
		}
	}
	interval, problem := time.Duration(0), ""
	if days <= int(longestInterval/day) { // else it might not fit
		interval = time.Duration(days)*day + rest.Truncate(time.Second)
	}
	switch {
	case m[1] == "-":
		problem = "negative interval"
	case days > int(longestInterval/day), rest > longestInterval, interval > longestInterval:
		problem = "interval of more than ten years"
	case interval < shortestInterval:
		problem = "interval of less than a minute"
	}
	if problem != "" {
		return nil, hint.New(HintInterval, fmt.Errorf("schedule %q: %s", shorten(text), problem), "value", shorten(text))
	}
	return &every{text: text, interval: interval}, nil
}
