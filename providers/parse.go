package providers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// HintBadRemote is the hint for a remote that cannot be read as "type:path";
// its values are "given" and "known", the list of types.
const HintBadRemote hint.Code = "bad_remote"

// Place is where a repository lies, as a person writes it: "local:/backup".
type Place struct {
	Type string // kind of service, one of Types
	Path string // folder on it; begins with the bucket on S3, with the share on SMB
}

// types are the kinds of services there are, in the order they are offered.
var types = []string{
	"local", "drive", "onedrive", "dropbox", "webdav", "s3", "sftp", "smb",
	"jianguoyun", "openlist", "tencent-cos", "aliyun-oss", "qiniu",
}

// Types returns the kinds of services a Place can name.
func Types() []string { return slices.Clone(types) }

// ParsePlace reads "type:path". The path is taken as it is: neither "~" nor a
// relative path is resolved here.
func ParsePlace(s string) (Place, error) {
	kind, path, ok := strings.Cut(s, ":")
	if !ok {
		return Place{}, badRemote(s, "it is not written as type:path")
	}
	place := Place{Type: kind, Path: path}
	if err := place.Valid(); err != nil {
		return Place{}, err
	}
	return place, nil
}

// Valid tells whether the place is one ParsePlace can return.
func (p Place) Valid() error {
	switch {
	case !slices.Contains(types, p.Type):
		return badRemote(p.String(), fmt.Sprintf("type %q is unknown", p.Type))
	case p.Path == "":
		return badRemote(p.String(), "it names no folder")
	case strings.ContainsRune(p.Path, 0):
		return badRemote(p.String(), "its path holds a zero byte")
	}
	return nil
}

func badRemote(given, why string) error {
	return hint.New(HintBadRemote, fmt.Errorf("remote %q: %s", given, why), "given", given, "known", Types())
}

// String returns the place as ParsePlace reads it.
func (p Place) String() string { return p.Type + ":" + p.Path }
