package schedule

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are named here, and not every computer knows them

	"github.com/robfig/cron/v3"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Codes of what is wrong with a schedule.
const (
	HintSyntax   hint.Code = "schedule_syntax"
	HintNever    hint.Code = "schedule_never"
	HintInterval hint.Code = "schedule_interval"
	HintZone     hint.Code = "schedule_zone"
)

// longest is how long a schedule may be written.
const longest = 256

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Parse reads a schedule: the five fields of cron (minute, hour, day, month,
// weekday; Sunday is 0 or 7), @hourly, @daily, @midnight, @weekly, @monthly,
// @yearly, or "@every D" with D like 90m, 12h or 3d. "CRON_TZ=Zone" or
// "TZ=Zone" before it names its time zone; else it is zone, and if that is nil
// the computer's own at the time of asking.
//
// Where clocks change, a schedule with fixed hours has each of its times once:
// one that the clock leaves out comes when the clock goes on, and one that
// comes twice is the first of the two. A schedule for every hour of the day,
// such as "*/30 * * * *", goes on in real time, without a hole or a double.
// @every counts from the last slot, in real time.
//
// The error carries one of the codes of this package.
func Parse(text string, zone *time.Location) (Schedule, error) {
	text = strings.TrimSpace(text)
	if len(text) > longest {
		return nil, syntax(text, fmt.Errorf("longer than %d characters", longest))
	}
	rest, zone, err := cutZone(text, zone)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(rest)
	if len(fields) > 0 && fields[0] == "@every" {
		return parseEvery(text, strings.Join(fields[1:], " "))
	}
	return parseCron(text, fields, zone)
}

// cutZone returns what follows the zone in text, and the zone.
func cutZone(text string, zone *time.Location) (string, *time.Location, error) {
	first, rest, _ := strings.Cut(strings.Join(strings.Fields(text), " "), " ")
	name, ok := strings.CutPrefix(first, "CRON_TZ=")
	if !ok {
		name, ok = strings.CutPrefix(first, "TZ=")
	}
	switch {
	case !ok:
		return text, zone, nil
	case name == "Local":
		return rest, nil, nil
	case name == "": // would be UTC
		return "", nil, wrongZone(text, name, errors.New("no zone is named"))
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return "", nil, wrongZone(text, name, err)
	}
	return rest, zone, nil
}

// item is one element of a field: a number, a name, a star, a range, each with
// a step or without. The parser takes more, "*-5" for every minute and nothing
// between commas for never.
var item = regexp.MustCompile(`^([*?]|[0-9]{1,9}|[A-Za-z]{3})(-([0-9]{1,9}|[A-Za-z]{3}))?(/[0-9]{1,9})?$`)

// parseCron reads the five fields, or a word with an @.
func parseCron(text string, fields []string, zone *time.Location) (Schedule, error) {
	at := len(fields) == 1 && strings.HasPrefix(fields[0], "@")
	if !at && len(fields) != 5 {
		return nil, syntax(text, fmt.Errorf("%d fields instead of five", len(fields)))
	}
	for i, field := range fields {
		if at {
			break
		}
		items := strings.Split(field, ",")
		for j, one := range items {
			m := item.FindStringSubmatch(one)
			if m == nil || strings.ContainsAny(m[1], "*?") && m[2] != "" {
				return nil, syntax(text, fmt.Errorf("what does %q mean?", one))
			}
			if i == 4 {
				items[j] = sunday(m)
			}
		}
		fields[i] = strings.Join(items, ",")
	}
	parsed, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, syntax(text, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, syntax(text, fmt.Errorf("%T is not a time of the calendar", parsed))
	}
	spec.Location = time.UTC // see calendar
	if nextFit(spec, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, hint.New(HintNever, fmt.Errorf("schedule %q: never fires", shorten(text)), "value", shorten(text))
	}
	return &calendar{text: text, spec: spec, zone: zone, rhythm: spec.Hour&allHours == allHours}, nil
}

// sunday returns an element of the weekday field with Sunday as 0, which is
// all that the parser knows, where it is written as 7 or as the end of a
// range. Elements with other mistakes come back as they are.
func sunday(m []string) string {
	from, last := m[1], m[3]
	switch {
	case from == "7" && (last == "" || last == "7") && m[4] != "/0":
		return "0"
	case last == "7" || strings.EqualFold(last, "sun") && from != "0" && !strings.EqualFold(from, "sun"):
	default:
		return m[0]
	}
	first, step := weekday(from), 1
	if m[4] != "" {
		step, _ = strconv.Atoi(m[4][1:])
	}
	if first < 0 || step == 0 {
		return from + "-6" + m[4] // refused for what is wrong with it
	}
	var days []string
	for day := first; day <= 7; day += step {
		days = append(days, strconv.Itoa(day%7))
	}
	return strings.Join(days, ",")
}

// weekday returns the number of a day from 0 to 6, or -1.
func weekday(text string) int {
	for day := range 7 {
		if text == strconv.Itoa(day) || strings.EqualFold(text, time.Weekday(day).String()[:3]) {
			return day
		}
	}
	return -1
}

func syntax(text string, err error) error {
	return hint.New(HintSyntax, fmt.Errorf("schedule %q: %w", shorten(text), err), "value", shorten(text))
}

func wrongZone(text, name string, err error) error {
	return hint.New(HintZone, fmt.Errorf("schedule %q: %w", shorten(text), err), "value", shorten(text), "zone", shorten(name))
}

// shorten returns the beginning of text, for an error.
func shorten(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
