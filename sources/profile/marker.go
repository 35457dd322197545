package profile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// whose returns the first profile to which the folder name in root is an
// account.
func whose(profiles []*Profile, root, name string) *Profile {
	for _, p := range profiles {
		if p.canBeAccount(name) && p.isAccount(filepath.Join(root, name)) {
			return p
		}
	}
	return nil
}

func (p *Profile) canBeAccount(name string) bool {
	if slices.ContainsFunc(p.Account.Except, func(x string) bool { return strings.EqualFold(x, name) }) {
		return false
	}
	return slices.ContainsFunc(p.Account.Folders, func(pattern string) bool { return matchName(pattern, name) })
}

// isAccount looks for one of the markers.
func (p *Profile) isAccount(dir string) bool {
	return slices.ContainsFunc(p.Account.Marker, func(marker string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(marker)))
		return err == nil
	})
}

func statDir(path string) (os.FileInfo, error) {
	if path == "" {
		return nil, os.ErrNotExist
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return nil, os.ErrNotExist
	}
	return info, err
}

// Recognise returns the profile of the app whose root or account the folder at
// path is, or nil.
func Recognise(profiles []*Profile, path string) *Profile {
	f := &finder{profiles: profiles}
	f.accounts(path, profiles)
	if len(f.found) == 0 {
		return nil
	}
	return f.found[0].profile
}
