package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Names come from other systems, and from whoever held a member's key. What this
// system can't write is named as failed, not written under a name of our own:
// neither the app nor the user would find it there, and the place it is written
// to would be one more name that something else may have.

// writable reports whether a system has a way to write a path's names as they
// are. Paths of a snapshot never lead out of the target; see format.ValidPath.
func writable(system, full string) bool {
	switch system {
	case "windows":
		for part := range strings.SplitSeq(full, "/") {
			if !windowsName(part) {
				return false
			}
		}
		return true
	case "darwin", "ios":
		return utf8.ValidString(full) // its file systems keep names as text
	}
	return true
}

// windowsMost is how many UTF-16 units a name may have.
const windowsMost = 255

// windowsName reports whether Windows writes a name as it is: it would read "a:b"
// as a stream of a, drop a dot at the end, and take NUL.txt for a device.
func windowsName(name string) bool {
	units := 0
	for _, c := range name {
		if c < 0x20 || strings.ContainsRune(`<>:"/\|?*`, c) {
			return false
		}
		units++
		if c > 0xffff {
			units++
		}
	}
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	return name != "" && utf8.ValidString(name) && units <= windowsMost && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, " ") && !windowsDevice(stem)
}

// windowsDevice reports whether an upper-case name without extension is one of a
// device. The digits ¹, ² and ³ count as digits there.
func windowsDevice(stem string) bool {
	for _, port := range []string{"COM", "LPT"} {
		if n, ok := strings.CutPrefix(stem, port); ok && utf8.RuneCountInString(n) == 1 && strings.Contains("123456789¹²³", n) {
			return true
		}
	}
	return slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, stem)
}

// targetRules are what a restore has to know of where it writes. Tests have others.
type targetRules struct {
	system string
	probe  func(*os.Root) folding
	lstat  func(dir *os.Root, full string) (fs.FileInfo, error)
}

var realRules = targetRules{runtime.GOOS, probeFolding, (*os.Root).Lstat}

// folding says which names a file system takes for one.
type folding struct {
	letters bool // A and a
	accents bool // é as one character and as two
}

func (f folding) any() bool { return f.letters || f.accents }

// probeFolding asks the file system of the target. A folder that can't be written
// to folds nothing: nothing will be written there.
func probeFolding(dir *os.Root) folding {
	name := ".é" + strings.ToLower(rand.Text()) + tempSuffix
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return folding{}
	}
	_ = f.Close() // nothing was written
	defer func() { _ = dir.Remove(name) }()
	there := func(name string) bool { _, err := dir.Lstat(name); return err == nil }
	return folding{letters: there(strings.ToUpper(name)), accents: there(norm.NFD.String(name))}
}

// key is the same for names that the file system may take for one. It may also
// be so for others: then the file system is asked.
func (f folding) key(full string) string {
	if f.accents {
		full = norm.NFD.String(full)
	}
	if f.letters {
		full = strings.Map(foldRune, full)
	}
	return full
}

// foldRune returns the least of the characters that differ only in case.
func foldRune(c rune) rune {
	least := c
	for n := unicode.SimpleFold(c); n != c; n = unicode.SimpleFold(n) {
		least = min(least, n)
	}
	return least
}

// namesakes knows the names a restore has written, where the target takes some
// for one. It keeps hashes: there may be millions.
type namesakes struct {
	folding folding
	seed    maphash.Seed
	written map[uint64]uint64 // hash of the key → hash of the name
}

func newNamesakes(f folding) *namesakes {
	return &namesakes{folding: f, seed: maphash.MakeSeed(), written: map[uint64]uint64{}}
}

// maybe reports whether another name that was written may be the same file. Of
// several names the first is kept.
func (n *namesakes) maybe(full string) bool {
	if !n.folding.any() {
		return false
	}
	key, name := maphash.String(n.seed, n.folding.key(full)), maphash.String(n.seed, full)
	first, ok := n.written[key]
	if !ok {
		n.written[key] = name
	}
	return ok && first != name
}

// rival reports whether a name that was written may be the same file as another
// one, which was not.
func (n *namesakes) rival(full string) bool {
	if !n.folding.any() {
		return false
	}
	first, ok := n.written[maphash.String(n.seed, n.folding.key(full))]
	return ok && first != maphash.String(n.seed, full)
}

// top makes the folder of a source. Where its name can't be, the source is named
// as failed, and the others are restored.
func (rs *restorer) top(ctx context.Context, name string) (failed bool, err error) {
	ends, err := rs.checkName(ctx, name, true)
	if ends != nil {
		return false, ends
	}
	if err == nil {
		err = rs.folder(name)
	}
	if err == nil || hint.Find(err) == nil {
		return false, err
	}
	rs.fail(name, reasonWrite, err)
	return true, nil
}

// checkName refuses a name that can't be written, or that the target takes for
// one that this restore has written: the first stays, also where files may be
// replaced. ends is an error that ends the restore.
func (rs *restorer) checkName(ctx context.Context, full string, isFolder bool) (ends, err error) {
	if !writable(rs.rules.system, full) {
		return nil, hint.New(CodeNameUnwritable, fmt.Errorf("write %q: not a name on this system", full), "path", full)
	}
	if !rs.names.maybe(full) {
		return nil, nil
	}
	if err := rs.settle(ctx); err != nil { // so that the first has its name
		return err, nil
	}
	info, err := rs.rules.lstat(rs.dir, full)
	if errors.Is(err, fs.ErrNotExist) || err == nil && isFolder && info.IsDir() {
		return nil, nil // folders become one; what is in them is looked at itself
	}
	if err != nil {
		return nil, err
	}
	return nil, hint.New(CodeNameCollides, fmt.Errorf("write %s: the target has no room for a second %s", full, path.Base(full)), "path", full)
}
