package profile

import "golang.org/x/sys/unix"

// networkKinds are the file systems behind which another computer is.
var networkKinds = map[string]string{"nfs": "nfs", "smbfs": "smb", "afpfs": "afp", "webdav": "webdav"}

func networkOf(path string) string {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return ""
	}
	return networkKinds[unix.ByteSliceToString(st.Fstypename[:])]
}
