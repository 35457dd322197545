package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// RestoreOptions choose what is brought back, and where to.
type RestoreOptions struct {
	To         string   // folder; made if it is missing
	Categories []string // only these; none: all
	Include    []string // only paths (source/path) that match one of these globs; none: all
	Overwrite  bool     // replace what is there
	Unproven   bool     // the newest content of a database, even if it was never proven
	Workers    int      // 0: 2
	Progress   func(Progress)

	rules *targetRules // nil: those of this system
}

// Restored is what a restore did.
type Restored struct {
	Files      uint64
	Bytes      uint64
	Downloaded uint64
	Seconds    float64
	Failed     []Failure
	Older      []string // databases of which the last proven content was restored, not the newest
	Torn       []string // databases whose restored content was never proven
}

// Failure is an entry that could not be restored. Damaged ones are missing
// because of what the remote holds, the others because of this computer.
type Failure struct {
	Path    string // source/path
	Reason  string // a code
	Err     error
	Damaged bool
}

// Codes of reasons and errors.
const (
	CodeFileExists = "file_exists"
	CodeTargetFull = "disk_full_target"
	CodeNoPath     = "no_such_path"
	// CodeNameUnwritable: this system has no way to write such a name.
	CodeNameUnwritable = "name_unwritable"
	// CodeNameCollides: the target takes two names for one, and keeps the first.
	CodeNameCollides = "name_collides"
	reasonWrite      = "not_written"
	reasonDamaged    = "damaged"
	reasonTree       = "names_lost"
)

// Restore brings the snapshot back as To/source/path. Files are written under
// temporary names, synced and renamed; nothing is followed out of To, and
// nothing is overwritten unless asked for. What fails is named, and the rest
// goes on; only ctx and a remote that is out of reach end the restore.
func Restore(ctx context.Context, r *repo.Repo, s *repo.Snapshot, o RestoreOptions) (*Restored, error) {
	start := time.Now()
	if err := ValidGlobs(o.Include); err != nil {
		return nil, err
	}
	rd, err := r.NewReader(ctx, s)
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	root, err := rd.Root(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkSpace(o, root); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(o.To, 0o755); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	dir, err := os.OpenRoot(o.To)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	defer dir.Close()
	rs := newRestorer(rd, dir, o)
	defer rs.near.close()
	if err := rs.all(ctx, root); err != nil {
		rs.batch.abort()
		return nil, err
	}
	rs.out.Downloaded, rs.out.Seconds = rd.Downloaded.Load(), time.Since(start).Seconds()
	if rs.matched == 0 && (len(o.Include) > 0 || len(o.Categories) > 0) && len(rs.out.Failed) == 0 {
		return nil, hint.New(CodeNoPath, errors.New("restore: nothing in the snapshot matches"), "path", strings.Join(append(o.Include, o.Categories...), ", "))
	}
	return &rs.out, nil
}

func (rs *restorer) all(ctx context.Context, root *format.Root) error {
	for _, src := range root.Sources {
		if err := rs.source(ctx, src); err != nil {
			return err
		}
	}
	return rs.finish(ctx)
}

// ValidGlobs returns an error with the code usage if one of the globs is no
// pattern.
func ValidGlobs(globs []string) error {
	for _, g := range globs {
		if !doublestar.ValidatePattern(g) {
			return hint.New("usage", fmt.Errorf("restore: %q is no pattern", g))
		}
	}
	return nil
}

// checkSpace refuses a full restore that can't fit. A partial one is not
// measured beforehand.
func checkSpace(o RestoreOptions, root *format.Root) error {
	if len(o.Include) > 0 || len(o.Categories) > 0 {
		return nil
	}
	need := uint64(0)
	for _, s := range root.Sources {
		if s.Tree != nil {
			need += min(s.Tree.Bytes, math.MaxUint64-need)
		}
	}
	usage, err := disk.Usage(existing(o.To))
	if err != nil {
		return nil // some file systems don't tell; the disk will
	}
	if usage.Free < need {
		return hint.New(CodeTargetFull, fmt.Errorf("restore to %s: %d bytes are needed, %d are free", o.To, need, usage.Free),
			"need", need, "free", usage.Free)
	}
	return nil
}

// existing returns the deepest folder of path that is there.
func existing(p string) string {
	for {
		if _, err := os.Stat(p); err == nil {
			return p
		}
		parent := filepath.Dir(p)
		if parent == p {
			return p
		}
		p = parent
	}
}
