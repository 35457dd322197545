package cloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/providers"
)

// List tells fn of every object below prefix. Leftovers, and whatever else
// has a name that no object can have, are not told.
func (r *remote) List(ctx context.Context, prefix providers.Name, opt providers.ListOptions, fn func(providers.Info) error) error {
	if err := providers.ValidPrefix(prefix); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	ctx = r.settings(ctx)
	var stop error // from fn
	seen := r.onlyOnce()
	err := r.try(ctx, func() error {
		return r.listAll(ctx, strings.TrimSuffix(string(prefix), "/"), func(o fs.Object) error {
			info, err := r.listed(ctx, o, opt)
			if err != nil || info.Name == "" || !seen(info.Name) {
				return err
			}
			r.remember(info.Name, o)
			stop = fn(info)
			return stop
		})
	})
	if stop != nil {
		return stop
	}
	return r.failed(ctx, "list", prefix, err)
}

// onlyOnce returns a function that reports whether it is asked for a name for
// the first time. Some services can hold several files of one name: they are
// the same object, sent twice. After a renewed sign-in a listing begins anew.
func (r *remote) onlyOnce() func(providers.Name) bool {
	if r.kind.folder {
		return func(providers.Name) bool { return true }
	}
	seen := map[providers.Name]struct{}{}
	return func(name providers.Name) bool {
		_, again := seen[name]
		seen[name] = struct{}{}
		return !again
	}
}

func (r *remote) listAll(ctx context.Context, folder string, fn func(fs.Object) error) error {
	f, err := r.open(ctx, false)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Features().ListR != nil && !r.kind.drive { // see drivelists
		return r.walkAtOnce(ctx, folder, fn)
	}
	return r.walk(ctx, folder, fn)
}

// listed describes an object of a listing, or returns no name if it is none
// of ours or was deleted meanwhile.
func (r *remote) listed(ctx context.Context, o fs.Object, opt providers.ListOptions) (providers.Info, error) {
	if err := ctx.Err(); err != nil {
		return providers.Info{}, err
	}
	name := providers.Name(o.Remote())
	if providers.ValidName(name) != nil {
		return providers.Info{}, nil
	}
	info, err := r.info(ctx, o, name, opt.Sums)
	if isMissing(err) {
		return providers.Info{}, nil
	}
	return info, err
}

// walkAtOnce lists everything below a folder with the backend's own recursive
// listing.
func (r *remote) walkAtOnce(ctx context.Context, folder string, fn func(fs.Object) error) error {
	var mu sync.Mutex // backends may call back from several goroutines
	err := r.fs().Features().ListR(ctx, folder, func(entries fs.DirEntries) error {
		mu.Lock()
		defer mu.Unlock()
		for _, entry := range entries {
			if o, ok := entry.(fs.Object); ok {
				if err := fn(o); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	})
	if isMissing(err) {
		return nil
	}
	return err
}

// walk lists everything below a folder, kind.width folders at a time.
func (r *remote) walk(ctx context.Context, folder string, fn func(fs.Object) error) error {
	todo := []string{folder}
	for len(todo) > 0 {
		rest := max(0, len(todo)-r.kind.width)
		now := slices.Clone(todo[rest:])
		todo = todo[:rest]
		for _, l := range r.listFolders(ctx, now) {
			if l.err != nil {
				return l.err
			}
			todo = append(todo, l.folders...)
			for _, o := range l.objects {
				if err := fn(o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// listing is what one folder holds.
type listing struct {
	objects []fs.Object
	folders []string // those an object of ours can lie in
	err     error
}

func (r *remote) listFolders(ctx context.Context, folders []string) []listing {
	if len(folders) == 1 {
		return []listing{r.listFolder(ctx, folders[0])}
	}
	listings := make([]listing, len(folders))
	var all sync.WaitGroup
	for i, folder := range folders {
		all.Go(func() { listings[i] = r.listFolder(ctx, folder) })
	}
	all.Wait()
	return listings
}

// listFolder lists one folder. A missing one is empty.
func (r *remote) listFolder(ctx context.Context, folder string) (l listing) {
	entries, err := r.entries(ctx, folder)
	if err != nil {
		return listing{err: err}
	}
	for _, entry := range entries {
		switch entry := entry.(type) {
		case fs.Object:
			l.objects = append(l.objects, entry)
		case fs.Directory:
			// Others, such as lost+found, may well be unreadable.
			if providers.ValidName(providers.Name(entry.Remote())) == nil {
				l.folders = append(l.folders, entry.Remote())
			}
		}
	}
	return l
}

// notFolder reports whether there is a file where a folder was looked for.
func notFolder(err error) bool {
	if err == nil {
		return false
	}
	return errors.Is(err, fs.ErrorIsFile) || smbNoList(err) ||
		containsAny(err.Error(), "found file when looking for folder", "path/not_folder") // rclone's onedrive, Dropbox
}

func (r *remote) entries(ctx context.Context, folder string) (fs.DirEntries, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err := r.disk.readable(folder)
	var entries fs.DirEntries
	if err == nil {
		entries, err = r.fs().List(ctx, folder)
	}
	if isMissing(err) || notFolder(err) {
		return nil, nil
	}
	return entries, err
}
