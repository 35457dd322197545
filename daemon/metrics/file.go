package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// CodeFile says that node_exporter would not read a file of this name.
const CodeFile hint.Code = "metrics_file"

// WriteFile replaces a file that node_exporter's textfile collector reads. Its
// name ends in .prom, anybody may read it, and the collector never sees half of
// it. text is from Plain.
//
// It is not synced: it says what is true now, is written often, and must not
// keep a disk awake.
func WriteFile(path string, text []byte) error {
	if filepath.Ext(path) != ".prom" {
		return hint.New(CodeFile, fmt.Errorf("write metrics to %s: its name doesn't end in .prom", path), "path", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-")
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	_, err = f.Write(text)
	// Not by the permissions it is made with: a service's umask may close it.
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}
