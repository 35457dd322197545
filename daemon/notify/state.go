package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// stateFile remembers what was told, over restarts. It holds no address.
const stateFile = "notified.json"

// Bounds of what is remembered.
const (
	mostProblems = 200  // at one time
	mostKnown    = 1000 // with those that are over, but not for everybody
	largestState = 1 << 20
)

// state is what was told to whom.
type state struct {
	Problems []*known        `json:"problems,omitempty"`
	Channels map[string]*box `json:"channels,omitempty"`
}

// known is a problem that is wrong now, or was, and somebody isn't told yet
// that it is over.
type known struct {
	Code string         `json:"code"`
	Key  string         `json:"key,omitempty"`
	Args map[string]any `json:"args,omitempty"`
	Mild bool           `json:"mild,omitempty"`
	Gone time.Time      `json:"gone,omitzero"` // since when it isn't wrong any more
}

// box is what one channel's reader knows, and what waits for them.
type box struct {
	Told     []string  `json:"told,omitempty"` // ids of problems they take for wrong
	Failures int       `json:"failures,omitempty"`
	Retry    time.Time `json:"retry,omitzero"` // not before, after failures
	Digest   *digest   `json:"digest,omitempty"`
	Machine  bool      `json:"machine,omitempty"` // it expects signs of life, and no messages
	Ping     *outcome  `json:"ping,omitempty"`
}

// digest is a summary that waits to be sent.
type digest struct {
	Args map[string]any `json:"args,omitempty"`
	Made time.Time      `json:"made"`
}

// outcome is a sign of life that did not arrive.
type outcome struct {
	OK bool `json:"ok"`
}

func id(code, key string) string { return code + "\n" + key }

func (k *known) id() string { return id(k.Code, k.Key) }

func (k *known) problem() Problem { return Problem{k.Code, k.Key, k.Args, k.Mild} }

func (b *box) told(id string) bool { return slices.Contains(b.Told, id) }

// readState reads what was told. A file that is missing or damaged is no error:
// then nothing was.
func readState(path string) (state, string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, "", nil
	}
	if err != nil {
		return state{}, "", fmt.Errorf("read what was told: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, largestState+1))
	if err != nil {
		return state{}, "", fmt.Errorf("read what was told: %w", err)
	}
	return parseState(data), string(data), nil
}

// parseState drops what makes no sense.
func parseState(data []byte) state {
	var s state
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // else a count of a million comes back as 1e+06
	if len(data) > largestState || d.Decode(&s) != nil {
		return state{}
	}
	seen := map[string]bool{}
	s.Problems = slices.DeleteFunc(s.Problems, func(k *known) bool {
		drop := k == nil || k.Code == "" || seen[k.id()] || len(seen) >= mostKnown
		if !drop {
			seen[k.id()] = true
			k.Args = lists(k.Args)
		}
		return drop
	})
	for name, b := range s.Channels {
		if b == nil || CheckName(name) != nil {
			delete(s.Channels, name)
			continue
		}
		slices.Sort(b.Told)
		b.Told = slices.DeleteFunc(slices.Compact(b.Told), func(id string) bool { return !seen[id] })
		b.Failures = min(max(b.Failures, 0), 1000)
		if b.Digest != nil {
			b.Digest.Args = lists(b.Digest.Args)
		}
	}
	return s
}

// lists makes lists of texts what they were before they were JSON.
func lists(args map[string]any) map[string]any {
	for name, v := range args {
		list, ok := v.([]any)
		if !ok {
			continue
		}
		texts := make([]string, len(list))
		for i, v := range list {
			texts[i] = fmt.Sprint(v)
		}
		args[name] = texts
	}
	return args
}

// keepable are the values of sentences as they can be kept: texts, lists of
// them, and numbers.
func keepable(args map[string]any) map[string]any {
	if len(args) == 0 {
		return nil
	}
	kept := make(map[string]any, len(args))
	for name, v := range args {
		switch v := v.(type) {
		case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, bool, string, json.Number:
			kept[name] = v
		case []string:
			kept[name] = slices.Clone(v)
		case time.Time:
			kept[name] = v.UTC().Format(time.RFC3339)
		default:
			kept[name] = fmt.Sprint(v)
		}
	}
	return kept
}

// save writes the state if it is not what lies on the disk. The caller holds
// n.mu.
func (n *Notifier) save() error {
	data, err := json.Marshal(n.state)
	if err != nil {
		return fmt.Errorf("remember what was told: %w", err)
	}
	data = append(data, '\n')
	if string(data) == n.saved || n.saved == "" && n.state.empty() {
		return nil
	}
	if err := n.write(n.path(), data); err != nil {
		return fmt.Errorf("remember what was told: %w", err)
	}
	n.saved = string(data)
	return nil
}

func (s state) empty() bool { return len(s.Problems) == 0 && len(s.Channels) == 0 }
