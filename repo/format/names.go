package format

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Digest is a SHA-256 of an object's bytes: its name.
type Digest [32]byte

// String returns lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d is unset.
func (d Digest) IsZero() bool { return d == Digest{} }

// DeviceID names a member of the repository: 16 random bytes.
type DeviceID [16]byte

// String returns lower-case hex.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d is unset; the root signs with it.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// RepoID names a repository: 16 random bytes.
type RepoID [16]byte

// String returns lower-case hex.
func (r RepoID) String() string { return hex.EncodeToString(r[:]) }

// Kind is the kind of an object, as its name tells.
type Kind string

// The kinds of objects.
const (
	KindReadme     Kind = "readme"
	KindRepository Kind = "repository"
	KindRequest    Kind = "request"
	KindKeys       Kind = "keys"
	KindRoster     Kind = "roster"
	KindSecret     Kind = "secret"
	KindIndex      Kind = "index"
	KindPack       Kind = "pack"
	KindSnapshot   Kind = "snapshot"
	KindRecord     Kind = "record"
)

// Names of the objects in clear.
const (
	ReadmeName     = "README.txt"
	RepositoryName = "repository.json"
)

// RecoveryHolder is the holder of the recovery key's key file.
const RecoveryHolder = "recovery"

// snapshotsPerFolder keeps folders below what some services can list.
const snapshotsPerFolder = 500

// Name is an object's name taken apart.
type Name struct {
	Kind    Kind
	Holder  string   // keys: a device id in hex, or RecoveryHolder
	Device  DeviceID // secret, index, pack, snapshot, record
	Version uint64   // roster
	Seq     uint64   // snapshot, record
	Digest  Digest   // all but the clear objects
	Request string   // request
}

// String returns the name on the remote.
func (n Name) String() string {
	switch n.Kind {
	case KindReadme:
		return ReadmeName
	case KindRepository:
		return RepositoryName
	case KindRequest:
		return "requests/" + n.Request + ".json"
	case KindKeys:
		return "keys/" + n.Holder + "-" + n.Digest.String() + ".age"
	case KindRoster:
		return fmt.Sprintf("roster/%08d-%s.age", n.Version, n.Digest)
	case KindSecret:
		return "secrets/" + n.Device.String() + "-" + n.Digest.String() + ".age"
	case KindIndex:
		return "index/" + n.Device.String() + "/" + n.Digest.String() + ".age"
	case KindPack:
		hex := n.Digest.String()
		return "packs/" + hex[:1] + "/" + n.Device.String() + "-" + hex + ".age"
	case KindSnapshot:
		return fmt.Sprintf("snapshots/%s/%d/%08d-%s.age", n.Device, n.Seq/snapshotsPerFolder, n.Seq, n.Digest)
	case KindRecord:
		return fmt.Sprintf("records/%s-%08d-%s.age", n.Device, n.Seq, n.Digest)
	}
	return ""
}

// ParseName takes a name on the remote apart. It accepts exactly what String
// returns, so a name that merely looks similar is an error.
func ParseName(s string) (Name, error) {
	n, err := parseName(s)
	if err != nil || n.String() != s {
		return Name{}, fmt.Errorf("%q is not the name of an object", s)
	}
	return n, nil
}

func parseName(s string) (n Name, err error) {
	switch s {
	case ReadmeName:
		return Name{Kind: KindReadme}, nil
	case RepositoryName:
		return Name{Kind: KindRepository}, nil
	}
	folder, rest, _ := strings.Cut(s, "/")
	if folder == "requests" {
		id := strings.TrimSuffix(rest, ".json")
		return Name{Kind: KindRequest, Request: id}, validRequest(id)
	}
	rest = strings.TrimSuffix(rest, ".age")
	base := rest[strings.LastIndexByte(rest, '/')+1:]
	parts := strings.Split(base, "-")
	if err := hexInto(n.Digest[:], parts[len(parts)-1]); err != nil {
		return n, err
	}
	owner := parts[0]
	switch folder {
	case "keys":
		n.Kind, n.Holder = KindKeys, owner
		return n, validHolder(owner)
	case "roster":
		n.Kind = KindRoster
		n.Version, err = number(owner)
		return n, err
	case "secrets":
		n.Kind = KindSecret
	case "packs":
		n.Kind = KindPack
	case "records":
		n.Kind = KindRecord
		if len(parts) != 3 {
			return n, malformed("record name")
		}
		n.Seq, err = number(parts[1])
	case "index":
		n.Kind = KindIndex
		owner, _, _ = strings.Cut(rest, "/")
	case "snapshots":
		n.Kind = KindSnapshot
		n.Seq, err = number(owner)
		owner, _, _ = strings.Cut(rest, "/")
	default:
		return n, malformed("folder")
	}
	if err != nil {
		return n, err
	}
	return n, hexInto(n.Device[:], owner)
}

// number reads the number in a name: far below where counting on would begin
// anew at 0.
func number(s string) (uint64, error) { return strconv.ParseUint(s, 10, 62) }

// validRequest holds the names of requests, which anybody can make, to what
// names are made of.
func validRequest(s string) error {
	if s == "" || len(s) > 64 || strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz-") != "" {
		return malformed("name of a request")
	}
	return nil
}

func validHolder(s string) error {
	var d DeviceID
	if s == RecoveryHolder {
		return nil
	}
	return hexInto(d[:], s)
}

// ParseDeviceID reads the hex form.
func ParseDeviceID(s string) (d DeviceID, err error) {
	return d, hexInto(d[:], s)
}

// ParseDigest reads the hex form.
func ParseDigest(s string) (d Digest, err error) {
	return d, hexInto(d[:], s)
}

// ParseRepoID reads the hex form.
func ParseRepoID(s string) (r RepoID, err error) {
	return r, hexInto(r[:], s)
}

func hexInto(dst []byte, s string) error {
	if len(s) != 2*len(dst) || strings.ToLower(s) != s {
		return malformed("hex")
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil {
		return malformed("hex")
	}
	return nil
}
