package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

var newline = []byte("\n")

// entry is a run with the name that ties its lines together: one when it
// begins, one when it has ended. The later one says everything.
type entry struct {
	ID  string `json:"id"`
	Run Run    `json:"run"`
}

// Bounds of a line, so that a thousand of them stay small and one that is not
// whole can't hide many others.
const (
	longestLine  = 8 << 10
	longestFacts = 4 << 10
	longestWord  = 64 // a job, an outcome, a reason
	mostWords    = 16
)

// line returns a run as it is written. What is too long to be a figure or a
// code is left out, and a cause is cut.
func line(id string, r Run) ([]byte, error) {
	r = r.clone()
	if len(r.Facts) > longestFacts || !json.Valid(r.Facts) {
		r.Facts = nil
	}
	r.Reasons = r.Reasons[:min(len(r.Reasons), mostWords)]
	if r.Trouble != nil {
		r.Trouble.Text = shortened(r.Trouble.Text)
	}
	text, err := json.Marshal(entry{id, r})
	if err == nil && len(text) > longestLine {
		r.Facts, r.Reasons = nil, nil
		if r.Trouble != nil {
			r.Trouble.Args = nil
		}
		text, err = json.Marshal(entry{id, r})
	}
	if err != nil {
		return nil, fmt.Errorf("run of %s: %w", r.Job, err)
	}
	if _, ok := parseLine(text); !ok {
		return nil, fmt.Errorf("run of %.20q, %.20q: it is none that could be read again", r.Job, r.Outcome)
	}
	return append(text, '\n'), nil
}

// parse returns the runs in the order in which they began. A line that is not
// whole is passed over; it takes none of the others along.
func parse(text []byte) []entry {
	var list []entry
	at := map[string]int{}
	for one := range bytes.Lines(text) {
		e, ok := parseLine(bytes.TrimSuffix(one, newline))
		if !ok {
			continue
		}
		i, known := at[e.ID]
		switch {
		case !known:
			at[e.ID] = len(list)
			list = append(list, e)
		case !e.Run.Ended.IsZero(): // an end is not taken back
			list[i] = e
		}
	}
	return list
}

func parseLine(text []byte) (e entry, ok bool) {
	if len(text) == 0 || len(text) > longestLine {
		return entry{}, false
	}
	if json.Unmarshal(text, &e) != nil {
		return entry{}, false
	}
	r := e.Run
	if r.Started.IsZero() || r.Ended.IsZero() != (r.Outcome == "") || r.Missed < 0 {
		return entry{}, false
	}
	return e, isID(e.ID) && isWord(r.Job) && len(r.Outcome) <= longestWord
}

// isID reports whether text can name a run, and so a file.
func isID(text string) bool {
	return len(text) == 16 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func isWord(text string) bool { return text != "" && len(text) <= longestWord }

// clone returns a copy that shares nothing.
func (r Run) clone() Run {
	r.Reasons = slices.Clone(r.Reasons)
	r.Facts = slices.Clone(r.Facts)
	if len(r.Facts) == 0 {
		r.Facts = nil
	}
	if r.Trouble != nil {
		t := *r.Trouble
		t.Args = maps.Clone(t.Args)
		r.Trouble = &t
	}
	return r
}
