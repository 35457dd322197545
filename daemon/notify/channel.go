package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Hints.
const (
	CodeUnknown     hint.Code = "notify_unknown"     // channel
	CodeName        hint.Code = "notify_name"        // channel
	CodeTaken       hint.Code = "notify_taken"       // channel
	CodeAddress     hint.Code = "notify_address"     // service: of the address, may be empty
	CodeDamaged     hint.Code = "notify_damaged"     // path
	CodeUnreachable hint.Code = "notify_unreachable" // channel
	CodeRefused     hint.Code = "notify_refused"     // channel
	CodeTooMany     hint.Code = "notify_too_many"    // most
)

// channelFile holds the addresses of all channels. They are secrets: whoever
// has one can write to its owner, and with some of them read.
const channelFile = "notify.json"

// mostChannels bounds the file.
const mostChannels = 50

// Channel is a way to reach the user.
type Channel struct {
	Name string `json:"name"`
	URL  string `json:"url"` // as [Address] returns it; never shown to anybody
}

// Service is what a channel goes through, such as "wecom" or "ping".
func (c Channel) Service() string { return serviceOf(c.URL) }

// isPing reports whether the other end expects signs of life, not messages.
func (c Channel) isPing() bool { return c.Service() == pingService }

// String leaves the address out, so that no log has it by accident.
func (c Channel) String() string { return c.Name + " (" + c.Service() + ")" }

// GoString leaves the address out too.
func (c Channel) GoString() string { return c.String() }

// goodName is what a channel may be called: it stands in YAML and on command
// lines.
var goodName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]*$`)

const longestName = 80 // bytes, as in the configuration

// CheckName refuses a name with odd characters.
func CheckName(name string) error {
	if goodName.MatchString(name) && len(name) <= longestName {
		return nil
	}
	return hint.New(CodeName, fmt.Errorf("name channel %q: only letters, digits, - _ and . are allowed, at most %d bytes", name, longestName), "channel", name)
}

// Channels returns the channels in the state folder, by name.
func Channels(dir string) ([]Channel, error) {
	path := filepath.Join(dir, channelFile)
	data, err := durable.ReadSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read channels: %w", err)
	}
	list, err := parseChannels(data)
	if err != nil {
		return nil, hint.New(CodeDamaged, fmt.Errorf("read channels %s: %w", path, err), "path", path)
	}
	return list, nil
}

// parseChannels never says what it read: it holds secrets.
func parseChannels(data []byte) ([]Channel, error) {
	var doc struct {
		Channels []Channel `json:"channels"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, errors.New("it is not JSON of channels")
	}
	seen := map[string]bool{}
	for _, c := range doc.Channels {
		if CheckName(c.Name) != nil || seen[strings.ToLower(c.Name)] || c.URL == "" {
			return nil, errors.New("a channel in it has no good name or no address")
		}
		seen[strings.ToLower(c.Name)] = true
	}
	slices.SortFunc(doc.Channels, func(a, b Channel) int { return strings.Compare(a.Name, b.Name) })
	return doc.Channels, nil
}

// Add keeps a new channel. It replaces one of the same name only if told to.
func Add(dir string, c Channel, replace bool) error {
	if err := CheckName(c.Name); err != nil {
		return err
	}
	return change(dir, func(list []Channel) ([]Channel, error) {
		i := slices.IndexFunc(list, func(old Channel) bool { return strings.EqualFold(old.Name, c.Name) })
		switch {
		case i < 0 && len(list) >= mostChannels:
			return nil, hint.New(CodeTooMany, fmt.Errorf("add channel %q: there are %d already", c.Name, len(list)), "most", mostChannels)
		case i < 0:
			return append(list, c), nil
		case !replace:
			return nil, hint.New(CodeTaken, fmt.Errorf("add channel %q: there is one of that name", c.Name), "channel", c.Name)
		}
		list[i] = c
		return list, nil
	})
}

// Remove forgets a channel.
func Remove(dir, name string) error {
	return change(dir, func(list []Channel) ([]Channel, error) {
		kept := slices.DeleteFunc(slices.Clone(list), func(c Channel) bool { return c.Name == name })
		if len(kept) == len(list) {
			return nil, Unknown(name)
		}
		return kept, nil
	})
}

// change rewrites the file, one process at a time.
func change(dir string, edit func([]Channel) ([]Channel, error)) error {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep channels: %w", err)
	}
	lock := flock.New(filepath.Join(dir, channelFile+".lock"), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("keep channels: %w", err)
	}
	defer lock.Unlock()
	list, err := Channels(dir)
	if err != nil {
		return err
	}
	if list, err = edit(list); err != nil {
		return err
	}
	data, err := json.MarshalIndent(map[string]any{"channels": list}, "", "  ")
	if err != nil {
		return errors.New("keep channels: an address can't be written down")
	}
	if err := durable.ReplaceSecret(filepath.Join(dir, channelFile), append(data, '\n')); err != nil {
		return fmt.Errorf("keep channels: %w", err)
	}
	return nil
}
