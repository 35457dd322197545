package providers

import (
	"fmt"
	"strings"
)

const (
	maxName = 160          // characters in a name
	readme  = "README.txt" // the one name with capitals, for people who find the folder
)

// ValidName tells whether name may name an object (see [Name]); the error
// says why not. Every Remote refuses the names it refuses.
func ValidName(name Name) error {
	if name == readme {
		return nil
	}
	if name == "" {
		return fmt.Errorf("name is empty")
	}
	if len(name) > maxName {
		return fmt.Errorf("name %.40q… is longer than %d characters", name, maxName)
	}
	for _, c := range []byte(name) {
		if !inName(c) {
			return fmt.Errorf("name %q holds %q; only a-z, 0-9 and ./- are allowed", name, c)
		}
	}
	for element := range strings.SplitSeq(string(name), "/") {
		if element == "" || element == "." || element == ".." {
			return fmt.Errorf("name %q has an element %q", name, element)
		}
	}
	return nil
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '/' || c == '-'
}

// ValidPrefix tells whether prefix may be listed: empty for everything, or
// the name of a folder and "/".
func ValidPrefix(prefix Name) error {
	if prefix == "" {
		return nil
	}
	folder, ok := strings.CutSuffix(string(prefix), "/")
	if !ok {
		return fmt.Errorf("prefix %q does not end in /", prefix)
	}
	return ValidName(Name(folder))
}

// ValidRange tells whether a part of an object may be asked for: n bytes from
// offset, or all from offset if n is -1.
func ValidRange(offset, n int64) error {
	if offset < 0 || n < -1 || offset+n < -1 {
		return fmt.Errorf("range of %d bytes at offset %d is impossible", n, offset)
	}
	return nil
}

// ValidPut tells whether src may be put under name: the name is valid and the
// source is not empty, since some services cannot store nothing.
func ValidPut(name Name, src Source) error {
	if err := ValidName(name); err != nil {
		return err
	}
	if src.Size() <= 0 {
		return fmt.Errorf("source of %d bytes; an object has at least one", src.Size())
	}
	return nil
}
