package profile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// How says how a place is known.
type How string

// Ways to know a place.
const (
	Known      How = "known"    // where the app keeps its files by itself
	BySettings How = "settings" // the app's own settings name it
	ByProgram  How = "program"  // the running app has files open there
	Given      How = "given"    // the user names it
)

// Looked is a place where accounts were looked for.
type Looked struct {
	Path  string
	How   How
	Found bool // there is something
}

// maxEntries bounds how many entries of a root are looked at: a folder with
// more is no app's.
const maxEntries = 10_000

// finding is one folder that becomes an account.
type finding struct {
	profile *Profile
	scope   Scope
	root    string   // the folder the account lies in, or its own
	place   string   // the folder itself
	label   string   // what its name is made of
	others  []string // root scope: names in the root that are accounts of their own
}

// turn puts accounts before what lies beside them.
func (f *finding) turn() int {
	if f.scope == AccountScope {
		return 0
	}
	return 1
}

// finder collects what the profiles of one app lead to.
type finder struct {
	host     *Host
	profiles []*Profile
	looked   []Looked
	found    []finding
	seen     []os.FileInfo // roots and accounts, each once whatever symlinks lead there
	roots    []rootAt
}

// rootAt is a root with the accounts in it.
type rootAt struct {
	path  string
	owner *Profile // whose account was found first
	names []string
}

// find looks at every place of the profiles, or below root alone if it is not
// empty.
func find(h *Host, profiles []*Profile, root string) *finder {
	f := &finder{host: h, profiles: profiles}
	if root != "" {
		f.look(root, Given, profiles)
	} else {
		for _, p := range profiles {
			for i := range p.Places {
				f.place(p, &p.Places[i])
			}
		}
	}
	for _, r := range f.roots {
		f.beside(r)
	}
	return f
}

func (f *finder) place(p *Profile, pl *Place) {
	if pl.OS != "" && pl.OS != f.host.OS {
		return
	}
	switch {
	case pl.Scope == RuntimeScope:
		f.runtime(p, pl)
	case pl.Folder != "":
		f.look(f.host.path(pl.Folder), Known, f.profiles)
	case pl.Settings != "":
		f.settings(pl)
	case pl.Registry != "":
		f.named(f.host.Registry(pl.Registry), pl.Below)
	case pl.Program != "":
		f.program(pl)
	}
}

// settings follows the app's own files of settings.
func (f *finder) settings(pl *Place) {
	pattern := f.host.path(pl.Settings)
	if pattern == "" {
		return
	}
	dir, name := filepath.Split(pattern)
	files, _ := os.ReadDir(dir) // there may be none
	for _, file := range files {
		if matchName(name, file.Name()) {
			f.named(settingOf(readSmall(filepath.Join(dir, file.Name()))), pl.Below)
		}
	}
}

// named looks where a setting points: at the root, or at the folder it lies
// in.
func (f *finder) named(setting, below string) {
	dir := f.host.fromSetting(setting)
	if dir == "" || !filepath.IsAbs(dir) {
		return
	}
	dir = filepath.Clean(dir)
	if info, err := os.Stat(filepath.Join(dir, below)); err == nil && info.IsDir() {
		dir = filepath.Join(dir, below)
	}
	f.look(dir, BySettings, f.profiles)
}

// program looks where the running app has files open.
func (f *finder) program(pl *Place) {
	if f.host.Proc == "" {
		return
	}
	var roots []string
	for _, file := range f.host.openFiles(pl.Program) {
		if account, _, ok := strings.Cut(file, "/"+pl.Holds+"/"); ok && account != "" {
			roots = append(roots, filepath.Dir(account))
		}
	}
	slices.Sort(roots)
	for _, root := range slices.Compact(roots) {
		f.look(root, ByProgram, f.profiles)
	}
}

func (f *finder) runtime(p *Profile, pl *Place) {
	dir := f.host.path(pl.Folder)
	info, err := statDir(dir)
	if err != nil || f.known(info) {
		return
	}
	f.found = append(f.found, finding{profile: p, scope: RuntimeScope, root: dir, place: dir, label: "settings"})
}

// look finds the accounts below root.
func (f *finder) look(root string, how How, profiles []*Profile) {
	if root == "" || slices.ContainsFunc(f.looked, func(l Looked) bool { return l.Path == root }) {
		return
	}
	info, err := statDir(root)
	if err == nil && f.known(info) {
		return // another way to the same folder
	}
	before := len(f.found)
	if err == nil {
		f.accounts(root, profiles)
	}
	f.looked = append(f.looked, Looked{Path: root, How: how, Found: len(f.found) > before})
}

// accounts adds the accounts in root. Where the folder itself is one, nothing
// else is looked for.
func (f *finder) accounts(root string, profiles []*Profile) {
	for _, p := range profiles {
		if p.isAccount(root) {
			label := filepath.Base(root)
			if slices.Contains(p.Account.Folders, ".") {
				label = ""
			}
			f.found = append(f.found, finding{profile: p, scope: AccountScope, root: root, place: root, label: label})
			return
		}
	}
	list, err := os.ReadDir(root)
	if err != nil {
		return
	}
	r := rootAt{path: root}
	for _, entry := range list[:min(len(list), maxEntries)] {
		if entry.Type().IsRegular() {
			continue
		}
		p := whose(profiles, root, entry.Name())
		if p == nil {
			continue
		}
		r.names = append(r.names, entry.Name())
		place := filepath.Join(root, entry.Name())
		info, err := statDir(place)
		if err != nil || f.known(info) {
			continue
		}
		if r.owner == nil {
			r.owner = p
		}
		f.found = append(f.found, finding{profile: p, scope: AccountScope, root: root, place: place, label: entry.Name()})
	}
	if r.owner != nil {
		f.roots = append(f.roots, r)
	}
}

// beside adds what lies in a root beside its accounts: units by themselves,
// and the rest.
func (f *finder) beside(r rootAt) {
	list, err := os.ReadDir(r.path)
	if err != nil {
		return
	}
	units, rest := false, false
	for _, entry := range list {
		path := strings.ToLower(entry.Name())
		_, kept, _ := r.owner.classify(RootScope, path, 0)
		switch {
		case slices.Contains(r.names, entry.Name()):
		case r.owner.unitAt(RootScope, path) != nil:
			units = true
		case kept && !r.owner.neverIn(RootScope, path):
			rest = true
		}
	}
	if rest {
		f.found = append(f.found, finding{r.owner, RootScope, r.path, r.path, labelShared, r.names})
	}
	if units {
		f.found = append(f.found, finding{r.owner, RootScope, r.path, r.path, labelUnits, r.names})
	}
}

// known reports whether a folder was seen before, and remembers it.
func (f *finder) known(info os.FileInfo) bool {
	if slices.ContainsFunc(f.seen, func(s os.FileInfo) bool { return os.SameFile(s, info) }) {
		return true
	}
	f.seen = append(f.seen, info)
	return false
}
