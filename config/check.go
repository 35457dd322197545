package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"
)

// maxName is the length of a name in bytes. Names follow sources.CheckName.
const maxName = 80

// check reports what is wrong beyond the form of single values.
func (c *Config) check(d *decoder, root *yaml.Node) {
	c.checkDevice(d)
	d.require(root, "", "remote")
	c.checkProfiles(d)
	c.checkSources(d)
	c.checkCategories(d)
	c.checkRemote(d)
	c.checkDaemon(d)
}

// has reports whether the file gives a value for path, right or wrong.
func (d *decoder) has(path string) bool { _, ok := d.positions[path]; return ok }

// require reports those of the keys that the group n at path doesn't have.
func (d *decoder) require(n *yaml.Node, path string, keys ...string) {
	for _, key := range keys {
		if at := join(path, key); !d.has(at) {
			d.fail(n, at, "missing_key", "key", at)
		}
	}
}

// at returns a node with the position of path.
func (d *decoder) at(path string) *yaml.Node { return d.positions.find(path).node() }

func (c *Config) checkDevice(d *decoder) {
	if c.Device == "" {
		return
	}
	if c.Device == "latest" || !isName(c.Device) { // "latest" is a word in commands
		d.badName("device", c.Device)
	}
}

func (d *decoder) badName(path, name string) {
	want := usableName(name)
	switch want {
	case "":
		want = "my-chats"
	case name: // a word with another meaning
		want = "my-" + name
	}
	d.fail(d.at(path), path, "bad_name", "value", shorten(name), "max", maxName, "want", want)
}

func (c *Config) checkSources(d *decoder) {
	if c.Sources != nil && len(c.Sources) == 0 {
		d.fail(d.at("sources"), "sources", "no_sources")
	}
	taken := map[string]string{} // path of the source by its name, folded
	for i := range c.Sources {
		path := fmt.Sprintf("sources[%d]", i)
		s := &c.Sources[i]
		s.check(d, path)
		c.checkApp(d, path, s)
		if first := taken[foldName(s.Name)]; first != "" && s.Name != "" {
			d.fail(d.at(path+".name"), path+".name", "duplicate_source", "name", s.Name, "line", d.at(first).Line)
		}
		taken[foldName(s.Name)] = path
	}
}

func (s *Source) check(d *decoder, path string) {
	s.checkName(d, path)
	checkTwice(d, path+".exclude", s.Exclude)
	checkTwice(d, path+".include", s.Include)
	checkTwice(d, path+".leave_out", s.LeaveOut)
	checkTwice(d, path+".account", s.Account)
	s.Exclude, s.Include, s.LeaveOut = noneIfEmpty(s.Exclude), noneIfEmpty(s.Include), noneIfEmpty(s.LeaveOut)
}

// checkApp reports an app that neither we nor the profiles know.
func (c *Config) checkApp(d *decoder, path string, s *Source) {
	known := slices.Concat(Apps(), c.profileNames())
	if s.App == "" || slices.Contains(known, s.App) {
		return
	}
	at, code := path+".app", Code("unknown_app")
	if s.alone {
		at, code = path, "not_a_path"
	}
	if slices.Contains(laterSources, strings.ToLower(s.App)) {
		d.fail(d.at(at), at, "later_source", "name", s.App)
		return
	}
	d.fail(d.at(at), at, code, "value", shorten(s.App)).Nearest = nearest(s.App, known)
}

func (c *Config) profileNames() []string {
	var names []string
	for _, p := range c.Profiles {
		names = append(names, p.Name, p.App)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// checkProfiles reports what profiles lack. What their values mean is checked
// where they are used.
func (c *Config) checkProfiles(d *decoder) {
	taken := map[string]bool{}
	for i := range c.Profiles {
		p, path := &c.Profiles[i], fmt.Sprintf("profiles[%d]", i)
		d.require(d.at(path), path, "name", "account")
		if p.Name != "" && (taken[p.Name] || slices.Contains(Apps(), p.Name)) {
			d.fail(d.at(path+".name"), path+".name", "duplicate_profile", "name", shorten(p.Name))
		}
		taken[p.Name] = true
		if p.App != "" && slices.Contains(Apps(), p.App) {
			d.fail(d.at(path+".app"), path+".app", "duplicate_profile", "name", shorten(p.App))
		}
		for n, r := range p.Rules {
			d.require(d.at(fmt.Sprintf("%s.rules[%d]", path, n)), fmt.Sprintf("%s.rules[%d]", path, n), "category", "include")
			p.Rules[n].Include = noneIfEmpty(r.Include)
		}
		for n, v := range p.Never {
			d.require(d.at(fmt.Sprintf("%s.never[%d]", path, n)), fmt.Sprintf("%s.never[%d]", path, n), "paths")
			p.Never[n].Paths = noneIfEmpty(v.Paths)
		}
		p.Places, p.Rules, p.Never = noneIfEmpty(p.Places), noneIfEmpty(p.Rules), noneIfEmpty(p.Never)
		a := &p.Account
		a.Folders, a.Marker, a.Except = noneIfEmpty(a.Folders), noneIfEmpty(a.Marker), noneIfEmpty(a.Except)
	}
	c.Profiles = noneIfEmpty(c.Profiles)
}

// checkCategories reports what can't be first and left out.
func (c *Config) checkCategories(d *decoder) {
	checkTwice(d, "first", c.First)
	checkTwice(d, "leave_out", c.LeaveOut)
	for i, name := range c.LeaveOut {
		if at := fmt.Sprintf("leave_out[%d]", i); name != "" && slices.Contains(c.First, name) {
			d.fail(d.at(at), at, "first_and_left_out", "value", name)
		}
	}
	c.First, c.LeaveOut = noneIfEmpty(c.First), noneIfEmpty(c.LeaveOut)
}

// checkName looks at the name, and takes the app's or the folder's where none
// is given. A path alone has no place for another one.
func (s *Source) checkName(d *decoder, path string) {
	if d.has(path + ".name") {
		if s.Name != "" && !isName(s.Name) {
			d.badName(path+".name", s.Name)
		}
		return
	}
	if s.App != "" {
		s.Name = usableName(s.App)
		return
	}
	if s.Folder == "" {
		return
	}
	s.Name = filepath.Base(s.Folder)
	if !isName(s.Name) {
		want := usableName(s.Name)
		if s.alone && want != "" { // such as "WeChat Files"
			s.Name = want
			return
		}
		if want == "" {
			want = "folder"
		}
		d.fail(d.at(path), path+".name", "name_needed", "value", shorten(s.Folder), "want", want)
		s.Name = ""
	}
}

func (c *Config) checkRemote(d *decoder) {
	if size := c.Remote.PackSize; size != 0 && (size < MinPackSize || size > MaxPackSize) {
		const path = "remote.pack_size"
		d.fail(d.at(path), path, "size_range", "value", size, "min", MinPackSize, "max", MaxPackSize)
	}
}

// checkTwice reports values that a list has twice.
func checkTwice[T ~string](d *decoder, path string, list []T) {
	seen := map[T]bool{"": true}
	for i, v := range list {
		if seen[v] && v != "" {
			at := fmt.Sprintf("%s[%d]", path, i)
			d.fail(d.at(at), at, "duplicate_value", "value", shorten(string(v)))
		}
		seen[v] = true
	}
}

// noneIfEmpty makes [] the same as a list that isn't there.
func noneIfEmpty[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// DeviceName reports whether a device can be called so, and if not, what comes
// near to it.
func DeviceName(name string) (usable string, ok bool) {
	switch usable = usableName(name); {
	case name == "latest": // a word in commands
		return "my-" + name, false
	case isName(name):
		return name, true
	case usable == "":
		return hostName(), false
	}
	return usable, false
}

// UsableName reports whether a network or one who is told can be called so, and
// if not, what comes near to it.
func UsableName(name string) (usable string, ok bool) {
	if isName(name) {
		return name, true
	}
	if usable = usableName(name); usable == "" {
		usable = "home"
	}
	return usable, false
}

// isName reports whether a device or a source can be called so.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName && utf8.ValidString(name) &&
		strings.IndexFunc(name, notInName) < 0
}

func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
}

// usableName returns a name made of what can be kept of text, or "".
func usableName(text string) string {
	name := strings.Map(func(r rune) rune {
		if notInName(r) || r == utf8.RuneError {
			return '-'
		}
		return r
	}, text)
	name = strings.Trim(name, "-.")
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// foldName makes names equal that a file system of another computer might
// not tell apart.
func foldName(name string) string { return norm.NFC.String(strings.ToLower(strings.ToUpper(name))) }
