package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mistake is an error at a place of a profile.
type Mistake struct {
	Path string // such as "rules[2].include[0]"
	Err  error
}

func (m *Mistake) Error() string { return m.Path + ": " + m.Err.Error() }
func (m *Mistake) Unwrap() error { return m.Err }

// Parse reads a profile from YAML. Unknown keys are errors; what is wrong with
// a value is a [Mistake].
func Parse(data []byte) (*Profile, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	p := &Profile{}
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("read profile: there is more than one document")
	}
	if err := p.prepare(); err != nil {
		return nil, fmt.Errorf("read profile %s: %w", p.Name, err)
	}
	return p, nil
}

// profileName is what a profile can be called: it is part of account names.
var profileName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)

// prepare checks the profile, fills in what was left out and compiles it.
func (p *Profile) prepare() error {
	if p.App == "" {
		p.App = p.Name
	}
	switch {
	case !profileName.MatchString(p.Name):
		return &Mistake{"name", fmt.Errorf("%q can't be a name; use small letters, digits and dashes", p.Name)}
	case !profileName.MatchString(p.App):
		return &Mistake{"app", fmt.Errorf("%q can't be a name; use small letters, digits and dashes", p.App)}
	}
	for i := range p.Places {
		if err := p.Places[i].check(fmt.Sprintf("places[%d]", i)); err != nil {
			return err
		}
	}
	if err := p.Account.check(); err != nil {
		return err
	}
	if p.Database.Page < 0 || p.Database.Prefix < 0 || p.Database.Page > 64<<10 || p.Database.Page&(p.Database.Page-1) != 0 {
		return &Mistake{"database", errors.New("a page has a power of two bytes, 65536 at most")}
	}
	return p.compile()
}

// check demands exactly one way to find the place.
func (pl *Place) check(path string) error {
	if pl.Scope == "" {
		pl.Scope = RootScope
	}
	ways := 0
	for _, way := range []string{pl.Folder, pl.Settings, pl.Registry, pl.Program} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways != 1:
		return &Mistake{path, errors.New("give one of folder, settings, registry and program")}
	case pl.OS != "" && !slices.Contains(Systems(), pl.OS):
		return &Mistake{path + ".os", fmt.Errorf("%q is none of %v", pl.OS, Systems())}
	case pl.Scope != RootScope && pl.Scope != RuntimeScope:
		return &Mistake{path + ".scope", fmt.Errorf("%q is neither root nor runtime", pl.Scope)}
	case (pl.Program != "") != (pl.Holds != ""):
		return &Mistake{path, errors.New("program and holds go together")}
	case strings.Contains(pl.Holds, "/"):
		return &Mistake{path + ".holds", errors.New("it is the name of a folder in an account")}
	}
	return nil
}

func (m *Marker) check() error {
	if len(m.Folders) == 0 {
		return &Mistake{"account.folders", errors.New("it is missing")}
	}
	if len(m.Marker) == 0 {
		return &Mistake{"account.marker", errors.New("it is missing; without it every folder would be an account")}
	}
	for i, name := range m.Folders {
		if name == "." {
			continue
		}
		if _, err := compile(name); err != nil || strings.Contains(name, "/") {
			return &Mistake{fmt.Sprintf("account.folders[%d]", i), fmt.Errorf("%q is not a pattern of one folder's name", name)}
		}
	}
	for i, path := range m.Marker {
		if path == "" || strings.HasPrefix(path, "/") || slices.Contains(strings.Split(path, "/"), "..") {
			return &Mistake{fmt.Sprintf("account.marker[%d]", i), fmt.Errorf("%q is not a path in an account's folder", path)}
		}
	}
	return nil
}

// compile prepares the rules of all scopes, never first.
func (p *Profile) compile() error {
	p.scopes = map[Scope]*scope{}
	for _, s := range Scopes() {
		p.scopes[s] = &scope{}
	}
	for i, n := range p.Never {
		if err := p.add(n.Scope, fmt.Sprintf("never[%d]", i), "paths", n.Paths, nil); err != nil {
			return err
		}
	}
	for i := range p.Rules {
		r, at := &p.Rules[i], fmt.Sprintf("rules[%d]", i)
		if err := r.check(at); err != nil {
			return err
		}
		if err := p.add(r.Scope, at, "include", r.Include, r); err != nil {
			return err
		}
	}
	for _, s := range p.scopes {
		s.index()
	}
	return nil
}

func (p *Profile) add(in Scope, at, key string, patterns []string, class *Rule) error {
	if in == "" {
		in = AccountScope
	}
	s := p.scopes[in]
	if s == nil {
		return &Mistake{at + ".scope", fmt.Errorf("%q is none of %v", in, Scopes())}
	}
	if len(patterns) == 0 {
		return &Mistake{at + "." + key, errors.New("it is missing")}
	}
	for i, text := range patterns {
		list, err := compile(text)
		if err != nil {
			return &Mistake{fmt.Sprintf("%s.%s[%d]", at, key, i), err}
		}
		s.add(list, class)
	}
	return nil
}

// check fills in what a rule leaves out.
func (r *Rule) check(at string) error {
	own, known := priorityOf(r.Category)
	if !known {
		return &Mistake{at + ".category", fmt.Errorf("there is no category %q", r.Category)}
	}
	if r.Priority == nil {
		r.Priority = &own
	}
	if r.Kind == "" {
		r.Kind = File
	}
	switch _, known := priorityOf(r.Before); {
	case !isPriority(r.Priority):
		return &Mistake{at + ".priority", fmt.Errorf("%d is not from 0 to %d", *r.Priority, lastPriority)}
	case !isPriority(r.Large):
		return &Mistake{at + ".large", fmt.Errorf("%d is not from 0 to %d", *r.Large, lastPriority)}
	case !slices.Contains(Kinds(), r.Kind):
		return &Mistake{at + ".kind", fmt.Errorf("%q is none of %v", r.Kind, Kinds())}
	case r.Before != "" && !known:
		return &Mistake{at + ".before", fmt.Errorf("there is no category %q", r.Before)}
	case r.Before != "" && r.Kind != Database:
		return &Mistake{at + ".before", errors.New("it is for databases")}
	case r.Quiet < 0 || (r.Quiet > 0) != (r.Kind == Unit):
		return &Mistake{at + ".quiet", errors.New("a unit has it, and nothing else")}
	}
	if r.Kind == Unit {
		for i, text := range r.Include {
			if !strings.HasSuffix(text, "/**") {
				return &Mistake{fmt.Sprintf("%s.include[%d]", at, i), errors.New("a unit is a folder with all below: FOLDER/**")}
			}
		}
	}
	return nil
}

func isPriority(n *int) bool { return n == nil || *n >= 0 && *n <= lastPriority }
