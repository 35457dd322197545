package profile

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed data/*.yaml
var data embed.FS

// Builtin returns the profiles that come with the program, the newest layout
// of an app first.
var Builtin = sync.OnceValue(func() []*Profile {
	names, err := fs.Glob(data, "data/*.yaml")
	if err != nil {
		panic(err) // the pattern is fine
	}
	var list []*Profile
	for _, name := range names {
		text, err := data.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		p, err := Parse(text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", name, err)) // tested
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b *Profile) int {
		if a.App != b.App {
			return strings.Compare(a.App, b.App)
		}
		return strings.Compare(b.Layout, a.Layout)
	})
	return list
})

// Apps returns the apps that [Builtin] profiles are for.
func Apps() []string {
	var list []string
	for _, p := range Builtin() {
		list = append(list, p.App)
	}
	return slices.Compact(list)
}

// Named returns the profiles of the app of this name, or the one profile that
// is called so, from list.
func Named(list []*Profile, name string) []*Profile {
	var found []*Profile
	for _, p := range list {
		if p.App == name || p.Name == name {
			found = append(found, p)
		}
	}
	return found
}
