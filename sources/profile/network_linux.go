package profile

import "golang.org/x/sys/unix"

// networkKinds are the file systems behind which another computer may be, the
// same that package livedb takes no locks on: they don't reach the program
// that writes, or mean something else.
var networkKinds = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "nfs",
	unix.SMB_SUPER_MAGIC:  "smb",
	unix.CIFS_SUPER_MAGIC: "smb",
	unix.SMB2_SUPER_MAGIC: "smb",
	unix.V9FS_MAGIC:       "9p",   // Windows' files inside of WSL
	unix.FUSE_SUPER_MAGIC: "fuse", // sshfs, rclone mount; also disks of Windows
	unix.AFS_SUPER_MAGIC:  "afs",
	unix.CEPH_SUPER_MAGIC: "ceph",
	0x786f4256:            "vboxsf",
	0x0bd00bd0:            "lustre",
}

func networkOf(path string) string {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return ""
	}
	return networkKinds[uint32(st.Type)]
}
