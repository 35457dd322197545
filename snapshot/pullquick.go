package snapshot

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"

	"github.com/chatkeep/chatkeep/repo/format"
)

// untouched reports whether the folder has all of the snapshot already, by what
// pull remembers and a look at every name. Nothing is read from the remote.
func (d *pulling) untouched(ctx context.Context) (bool, error) {
	digest, tree := d.head.Name.Digest, treeOf(d.head)
	if d.mem.Listed != tree {
		return false, nil
	}
	var all []*PulledSource
	var older, torn []string
	for _, m := range d.mem.Sources {
		if !d.chosenSource(m.Name) {
			continue
		}
		if m.Tree != tree {
			return false, nil
		}
		q := &quickLook{pulling: d, name: m.Name, sum: m.List, done: &PulledSource{Source: m.Name, Snapshot: digest, Sequence: d.head.Seq, Time: d.head.Time}}
		same, err := q.look(ctx)
		if !same || err != nil {
			return false, err
		}
		all, older, torn = append(all, q.done), append(older, q.older...), append(torn, q.torn...)
	}
	d.done.Sources, d.rs.out.Older, d.rs.out.Torn = all, older, torn
	return true, nil
}

// quickLook is a look at what pull has put here of one source.
type quickLook struct {
	*pulling
	name        string
	sum         string // of the list that was written with what is remembered
	done        *PulledSource
	list        *pullList
	older, torn []string
}

func (q *quickLook) look(ctx context.Context) (same bool, err error) {
	if q.list, err = openPullList(filepath.Join(q.folder.sourceDir(q.mem.ID, q.name), "list")); err != nil || q.list.size == 0 || q.list.sum != q.sum {
		return false, err
	}
	in, err := q.list.open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	for rec := in.next(); rec != nil; rec = in.next() {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if !q.same(rec) {
			return false, nil
		}
	}
	return true, nil
}

// same reports whether a name needs nothing.
func (q *quickLook) same(rec *pullRecord) bool {
	if !q.chosenCategory(&rec.entry) {
		return true
	}
	full, isFolder := path.Join(q.name, rec.entry.Path), rec.entry.Type == format.TypeDir
	st := q.standing(full, rec)
	if rec.gone {
		if st != nothing && !isFolder {
			q.done.Kept++
		}
		return st == nothing || !q.opt.Mirror
	}
	if st != ours || hasLogs(&rec.entry) && q.strayLog(full) {
		return false
	}
	if rec.older {
		q.older = append(q.older, full)
	}
	if rec.torn {
		q.torn = append(q.torn, full)
	}
	if !isFolder {
		q.done.Total++
	}
	return true
}

// strayLog is that of a pull, without the tree: whatever the list has may be
// beside a database.
func (q *quickLook) strayLog(full string) bool {
	for _, suffix := range logSuffixes {
		if suffix == "-shm" {
			continue
		}
		_, info := q.pulling.look(full+suffix, nil)
		rel, err := filepath.Rel(filepath.FromSlash(q.name), filepath.FromSlash(full+suffix))
		if info == nil || info.Size() == 0 || err != nil {
			continue
		}
		if rec, ok := q.list.logs[filepath.ToSlash(rel)]; !ok || rec.gone || info.Mode()&os.ModeType != 0 {
			return true
		}
	}
	return false
}
