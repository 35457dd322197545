package format

import "strings"

// ComparePaths orders paths as a tree walk meets them: a folder before its
// content, siblings by the bytes of their names.
func ComparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return int(pathRank(a[i])) - int(pathRank(b[i]))
		}
	}
	return len(a) - len(b)
}

func pathRank(c byte) byte {
	if c == '/' {
		return 0 // a name holds no zero byte
	}
	return c
}

// MaxPath is the length in bytes of the longest path a snapshot can hold.
const MaxPath = 32 << 10

// ValidPath reports whether p can stand in a snapshot: relative, with no
// empty, "." or ".." element and no zero byte, at most MaxPath bytes.
func ValidPath(p string) bool {
	if p == "" || len(p) > MaxPath || strings.IndexByte(p, 0) >= 0 {
		return false
	}
	for elem := range strings.SplitSeq(p, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return false
		}
	}
	return true
}
