package profile

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// knownDocuments asks Windows, where documents may lie in OneDrive or on
// another disk.
func knownDocuments() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_Documents, 0)
	if err != nil {
		return ""
	}
	return dir
}

// readRegistry returns a text of the user's own part of the registry.
func readRegistry(key string) string {
	rest, ok := strings.CutPrefix(key, `HKCU\`)
	cut := strings.LastIndexByte(rest, '\\')
	if !ok || cut < 0 {
		return ""
	}
	k, err := registry.OpenKey(registry.CURRENT_USER, rest[:cut], registry.QUERY_VALUE)
	if err != nil {
		return ""
	}
	defer k.Close()
	text, _, err := k.GetStringValue(rest[cut+1:])
	if err != nil {
		return ""
	}
	return text
}

// networkOf knows shares by their path or by the letter of their drive.
func networkOf(path string) string {
	volume := filepath.VolumeName(path)
	if strings.HasPrefix(volume, `\\`) {
		return "smb"
	}
	root, err := windows.UTF16PtrFromString(volume + `\`)
	if err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "smb"
	}
	return ""
}
