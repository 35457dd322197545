package madeup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var errContent = errors.New("content differs")

// item is what one name in a tree is, without its content.
type item struct {
	path   string // from the root, with slashes
	kind   string // file, folder, symlink, or what package fs calls it
	mode   uint32 // permissions; not of symlinks
	mtime  int64
	size   int64  // files
	target string // symlinks
	twin   string // hard links: the first path of the same file
}

func byPath(a, b item) int { return cmp.Compare(a.path, b.path) }

// Compare compares two trees: names, types, permissions, modification times
// to the nanosecond, symlink targets, which names are hard links to one file,
// and every byte. It returns what differs, by path, or nothing. Owners,
// extended attributes and the two roots themselves are not compared. What
// can't be read counts as different.
func Compare(a, b string) (diffs []string) {
	left, errA := list(a)
	right, errB := list(b)
	if err := errors.Join(errA, errB); err != nil {
		return []string{fmt.Sprint("list: ", err)}
	}
	return compare(left, right, func(i, j int) error {
		return sameContent(at(a, left[i].path), at(b, right[j].path))
	})
}

// compare goes through two sorted lists side by side. Files of one size are
// handed to content, on all cores.
func compare(left, right []item, content func(i, j int) error) []string {
	var diffs []string
	var pairs [][2]int
	for i, j := 0, 0; i < len(left) || j < len(right); {
		switch {
		case j == len(right) || i < len(left) && left[i].path < right[j].path:
			diffs = append(diffs, fmt.Sprintf("%q: missing", left[i].path))
			i++
		case i == len(left) || right[j].path < left[i].path:
			diffs = append(diffs, fmt.Sprintf("%q: not expected", right[j].path))
			j++
		default:
			if what := left[i].differs(&right[j]); what != "" {
				diffs = append(diffs, fmt.Sprintf("%q: %s", left[i].path, what))
			}
			if left[i].kind == "file" && right[j].kind == "file" && left[i].size == right[j].size {
				pairs = append(pairs, [2]int{i, j})
			}
			i, j = i+1, j+1
		}
	}
	found := make([]string, len(pairs))
	_ = each(len(pairs), func(n int) error {
		if err := content(pairs[n][0], pairs[n][1]); err != nil {
			found[n] = fmt.Sprintf("%q: %v", left[pairs[n][0]].path, err)
		}
		return nil
	})
	for _, d := range found {
		if d != "" {
			diffs = append(diffs, d)
		}
	}
	slices.Sort(diffs)
	return diffs
}

// differs says in words what is not the same, or nothing.
func (a *item) differs(b *item) string {
	if a.kind != b.kind {
		return fmt.Sprintf("a %s became a %s", a.kind, b.kind)
	}
	var out []string
	add := func(same bool, what string, x, y any) {
		if !same {
			out = append(out, fmt.Sprintf("%s %v became %v", what, x, y))
		}
	}
	add(a.size == b.size, "size", a.size, b.size)
	add(a.mode == b.mode, "mode", fs.FileMode(a.mode), fs.FileMode(b.mode))
	add(a.mtime == b.mtime, "time", time.Unix(0, a.mtime).UTC(), time.Unix(0, b.mtime).UTC())
	add(a.target == b.target, "target", a.target, b.target)
	add(a.twin == b.twin, "hard link to", fmt.Sprintf("%q", a.twin), fmt.Sprintf("%q", b.twin))
	return strings.Join(out, ", ")
}

// list returns everything below dir, sorted by path.
func list(dir string) ([]item, error) {
	var out []item
	groups := map[inode][]int{}
	err := filepath.WalkDir(dir, func(full string, e fs.DirEntry, err error) error {
		if err != nil || full == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		it, err := look(dir, full, info)
		if err != nil {
			return err
		}
		if id, shared := inodeOf(info); shared && it.kind == "file" {
			groups[id] = append(groups[id], len(out))
		}
		out = append(out, it)
		return nil
	})
	for _, group := range groups {
		link(out, group)
	}
	slices.SortFunc(out, byPath)
	return out, err
}

// link notes that the items at these indexes are one file. Links from outside
// the tree don't count.
func link(out []item, group []int) {
	if len(group) < 2 {
		return
	}
	least := out[group[0]].path
	for _, i := range group {
		least = min(least, out[i].path)
	}
	for _, i := range group {
		out[i].twin = least
	}
}

func look(dir, full string, info fs.FileInfo) (item, error) {
	name, err := filepath.Rel(dir, full)
	if err != nil {
		return item{}, err
	}
	it := item{path: filepath.ToSlash(name), mode: uint32(info.Mode().Perm()), mtime: info.ModTime().UnixNano()}
	switch {
	case info.IsDir():
		it.kind = "folder"
	case info.Mode().IsRegular():
		it.kind, it.size = "file", info.Size()
	case info.Mode()&fs.ModeSymlink != 0:
		it.kind, it.mode = "symlink", 0
		it.mtime *= linkTimes
		it.target, err = os.Readlink(full)
	default:
		it.kind = info.Mode().Type().String()
	}
	return it, err
}

func sameContent(a, b string) error {
	x, err := os.Open(a)
	if err != nil {
		return err
	}
	defer x.Close()
	y, err := os.Open(b)
	if err != nil {
		return err
	}
	defer y.Close()
	p, q := buffers.Get().(*[bufferSize]byte), buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(p)
	defer buffers.Put(q)
	for {
		n, err := io.ReadFull(x, p[:])
		m, errY := io.ReadFull(y, q[:])
		switch {
		case !bytes.Equal(p[:n], q[:m]):
			return errContent
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil || errY != nil:
			return errors.Join(err, errY)
		}
	}
}

// Hash returns one value for all that Compare compares: two trees have the
// same if nothing differs.
func Hash(dir string) (string, error) {
	items, err := list(dir)
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", dir, err)
	}
	sums := make([][]byte, len(items))
	err = each(len(items), func(i int) (err error) {
		if items[i].kind == "file" {
			sums[i], err = hashFile(at(dir, items[i].path))
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", dir, err)
	}
	all := sha256.New()
	for i, it := range items {
		fmt.Fprintf(all, "%q %x\n", fmt.Sprintf("%#v", it), sums[i])
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

func hashFile(full string) ([]byte, error) {
	f, err := os.Open(full)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
