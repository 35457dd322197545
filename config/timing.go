package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"
)

// decode reads a schedule alone or a group of keys. What the schedule means is
// checked where it is used.
func (t *Timing) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		t.At = d.text(n, path)
		return
	}
	d.group(n, path, reflect.ValueOf(t).Elem())
	d.require(n, path, "at")
}

// MarshalYAML writes the schedule alone if there is no more to say.
func (t Timing) MarshalYAML() (any, error) {
	type group Timing
	if t == (Timing{At: t.At}) {
		return t.At, nil
	}
	return group(t), nil
}

// decode reads one name or a list of them, or a group of keys.
func (y *Notify) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.MappingNode {
		d.group(n, path, reflect.ValueOf(y).Elem())
		return
	}
	to := join(path, "to")
	d.positions[to] = d.positions[path]
	y.To.decode(d, n, to)
}

// decode reads one name or a list.
func (t *Trusted) decode(d *decoder, n *yaml.Node, path string) {
	var names Names
	names.decode(d, n, path)
	*t = append(Trusted{}, names...)
}

// IsZero reports whether the file says nothing.
func (t Trusted) IsZero() bool { return t == nil }

// JSONSchema allows one name or a list.
func (Trusted) JSONSchema() *jsonschema.Schema { return Names{}.JSONSchema() }

// JSONSchemaExtend allows the short form, a schedule alone.
func (Timing) JSONSchemaExtend(s *jsonschema.Schema) { orText(s, "The schedule, or off.") }

// JSONSchemaExtend allows the short forms, a name or a list of them.
func (Notify) JSONSchemaExtend(s *jsonschema.Schema) {
	orText(s, "The name.")
	names := Names{}.JSONSchema().OneOf[1]
	names.Description = "The names."
	s.OneOf = append(s.OneOf, names)
}

// checkDaemon reports what can't be meant of what the daemon does.
func (c *Config) checkDaemon(d *decoder) {
	s := c.Schedule
	for _, need := range []struct {
		given      bool
		key, other string
	}{
		{s.Backup.Given(), "schedule.backup", "sources"},
		{s.OnChange > 0, "schedule.on_change", "sources"},
		{s.Pull.Given(), "schedule.pull", "pull"},
		{s.Digest.Given(), "schedule.digest", "notify"},
		{!c.Network.Elsewhere.IsZero(), "network.elsewhere", "network.trusted"},
	} {
		if need.given && !d.has(need.other) {
			d.fail(d.at(need.key), need.key, "needs_key", "key", need.key, "other", need.other)
		}
	}
	c.checkPull(d)
	d.checkNames("network.trusted", c.Network.Trusted)
	d.checkNames("notify.to", c.Notify.To)
}

// checkNames reports names that are none, and those that are in the list twice
// for a file system that does not tell case apart.
func (d *decoder) checkNames(path string, names []string) {
	seen := map[string]bool{"": true}
	for i, name := range names {
		at, folded := d.elementOf(path, i), foldName(name)
		switch {
		case name == "":
		case !isName(name):
			d.badName(at, name)
		case seen[folded]:
			d.fail(d.at(at), at, "duplicate_value", "value", name)
		}
		seen[folded] = true
	}
}

// elementOf is the path of one name; a single one may stand without a list.
func (d *decoder) elementOf(path string, i int) string {
	if at := fmt.Sprintf("%s[%d]", path, i); d.has(at) {
		return at
	}
	return path
}

// checkPull looks at the folder of pull: what is backed up and what holds the
// backups must stay apart from what is brought back.
func (c *Config) checkPull(d *decoder) {
	p := &c.Pull
	if !d.wrote("pull") {
		return
	}
	d.require(d.at("pull"), "pull", "to")
	d.checkNames("pull.device", p.Device)
	d.checkNames("pull.source", p.Source)
	checkTwice(d, "pull.category", p.Category)
	p.Category = noneIfEmpty(p.Category)
	if p.To = d.absolute("pull.to", p.To); p.To == "" {
		return
	}
	taken := []string{}
	for _, s := range c.Sources {
		taken = append(taken, s.Folder, s.Root)
	}
	if c.Remote.Type == "local" {
		taken = append(taken, c.Remote.Folder)
	}
	for _, other := range taken {
		if other != "" && (lies(p.To, other) || lies(other, p.To)) {
			d.fail(d.at("pull.to"), "pull.to", "pull_apart", "value", shorten(p.To), "other", shorten(other))
			return
		}
	}
}

// lies reports whether path is dir or lies in it, going by the names alone.
func lies(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || os.IsPathSeparator(rest[0]) || os.IsPathSeparator(dir[len(dir)-1]))
}
