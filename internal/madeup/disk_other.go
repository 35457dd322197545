//go:build !unix

package madeup

import "io/fs"

// linkTimes is 1 where a symlink's time can be set and so be compared, else 0.
const linkTimes = 0

func setLinkTime(string, int64) error { return nil }

// inode would be the identity of a file; it is not compared here.
type inode struct{}

func inodeOf(fs.FileInfo) (id inode, shared bool) { return inode{}, false }
