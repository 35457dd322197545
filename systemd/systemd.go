// Package systemd holds the units that run chatkeep as a service: one for the
// user's own manager and a template for the system's, chatkeep@USER. It says
// what an installation consists of, as texts; it touches no file.
//
// The units are whole: they can be read, verified and packaged as they are, for
// a program in /usr/bin. What differs from computer to computer stands in
// drop-ins beside them: paths.conf says where the user's chatkeep lies,
// sandbox.conf what the service may see of the user's files, credential.conf
// where its keys are.
package systemd

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed chatkeep.service
var userUnit string

//go:embed chatkeep@.service
var template string

//go:embed sandbox.conf
var sandbox string

// Credential is what the service's credential with the device's keys is called.
const Credential = "chatkeep-device"

// mark begins each file that belongs to an installation. A file without it is
// somebody else's.
const mark = "# Written by: chatkeep service install\n"

// Ours reports whether a file is part of an installation.
func Ours(text []byte) bool { return strings.HasPrefix(string(text), mark) }

// Service is one installation. All paths are absolute.
type Service struct {
	User    string // whose chats the system's manager backs up; empty: it is the user's own manager
	Group   string // the number of that user's group
	Home    string // and home
	Program string

	State  string // folders that belong to chatkeep alone
	Cache  string
	Env    []Variable // where those and the configuration are, and the like
	Write  []string   // what else it writes
	Read   []string   // what it reads; may be missing
	Hide   []string   // what lies in these and is none of its business
	Sealed string     // the file with the encrypted keys; empty: they lie in State

	Open bool // without the sandbox; not with User
}

// Variable is one of the environment.
type Variable struct{ Name, Value string }

// File is a file of an installation, by its path in the folder of units.
type File struct{ Path, Text string }

// userName is what can stand in a unit's name as it is.
var userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]*$`)

// Unit returns the unit's name.
func (s Service) Unit() string {
	if s.User == "" {
		return "chatkeep.service"
	}
	return "chatkeep@" + s.User + ".service"
}

// UnitFile returns the name of the file that the unit comes from.
func (s Service) UnitFile() string {
	if s.User == "" {
		return "chatkeep.service"
	}
	return "chatkeep@.service"
}

// DropIns returns the folder of the unit's drop-ins.
func (s Service) DropIns() string { return s.Unit() + ".d" }

// DropInNames lists all that an installation may have.
func DropInNames() []string { return []string{"credential.conf", "paths.conf", "sandbox.conf"} }

// Files returns the unit and its drop-ins.
func (s Service) Files() ([]File, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	list := []File{{s.UnitFile(), mark + "\n" + s.unit()}, s.dropIn("paths.conf", s.paths())}
	if !s.Open {
		list = append(list, s.dropIn("sandbox.conf", s.sandbox()))
	}
	if s.Sealed != "" {
		list = append(list, s.dropIn("credential.conf", s.credential()))
	}
	return list, nil
}

func (s Service) dropIn(name, text string) File {
	return File{path.Join(s.DropIns(), name), mark + "\n" + text}
}

// check refuses what a unit can't say.
func (s Service) check() error {
	if s.User != "" && !userName.MatchString(s.User) {
		return fmt.Errorf("make unit for user %q: the name can't stand in a unit's", s.User)
	}
	if s.Open && s.User != "" {
		return errors.New("make unit: the system's one has no form without a sandbox")
	}
	paths := slices.Concat([]string{s.Program, s.State, s.Cache}, s.Write, s.Read, s.Hide)
	if s.User != "" {
		paths = append(paths, s.Home)
	}
	if s.Sealed != "" {
		paths = append(paths, s.Sealed)
	}
	for _, p := range paths {
		if !path.IsAbs(p) || strings.ContainsFunc(p, control) {
			return fmt.Errorf("make unit: %q is no path that a unit can name", p)
		}
	}
	if strings.ContainsAny(s.Program, `"'\`) {
		return fmt.Errorf("make unit: systemd runs no program with quotes or backslashes in its path: %s", s.Program)
	}
	for _, v := range s.Env {
		if strings.ContainsFunc(v.Name+v.Value, control) {
			return fmt.Errorf("make unit: %s has control characters", v.Name)
		}
	}
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// unit is the unit with the path of the program.
func (s Service) unit() string {
	text := userUnit
	if s.User != "" {
		text = template
	}
	for _, line := range []string{"\nExecStart=", "\nExecReload="} {
		text = strings.Replace(text, line+"/usr/bin/chatkeep ", line+word(s.Program)+" ", 1)
	}
	return text
}

// paths is the drop-in that makes the service use the same files as the user's
// command line.
func (s Service) paths() string {
	var b strings.Builder
	b.WriteString("# Where this user's chatkeep lies, so that the service and the command line use\n# the same files. Another place: change it, then install again.\n\n")
	if s.User != "" {
		fmt.Fprintf(&b, "[Unit]\nRequiresMountsFor=%s %s\n\n", word(s.State), word(s.Cache))
	}
	b.WriteString("[Service]\n")
	for _, v := range s.Env {
		fmt.Fprintf(&b, "Environment=%s\n", word(v.Name+"="+v.Value))
	}
	return b.String()
}

// sandbox is the drop-in with what the service may see.
func (s Service) sandbox() string {
	var b strings.Builder
	if s.User == "" {
		b.WriteString(sandbox)
	} else {
		b.WriteString("# What the service may see of homes. After a change of the configuration that\n# names other folders, install again.\n\n[Service]\n")
		if !covered(s.Home) {
			fmt.Fprintf(&b, "# This home is at an uncommon place. It is empty, too.\nTemporaryFileSystem=%s\n", pair(s.Home, "ro"))
		}
	}
	b.WriteString("# Its own folders are made before it starts, as this user, since what is missing\n# then can't be shown. The cache may be deleted at any time.\n")
	fmt.Fprintf(&b, "ExecStartPre=+-%s %s %s\n", s.mkdir(), argument(s.State), argument(s.Cache))
	b.WriteString("# What it writes: its own folders, and backups that are kept on this computer.\n")
	for _, p := range slices.Concat([]string{s.State, s.Cache}, s.Write) {
		fmt.Fprintf(&b, "BindPaths=%s\n", bound(p))
	}
	if len(s.Read) > 0 {
		b.WriteString("# What it reads.\n")
	}
	for _, p := range s.Read {
		fmt.Fprintf(&b, "BindReadOnlyPaths=%s\n", bound(p))
	}
	if len(s.Hide) > 0 {
		b.WriteString("# What lies in these and is not for it.\n")
	}
	for _, p := range s.Hide {
		fmt.Fprintf(&b, "InaccessiblePaths=%s\n", word("-"+p))
	}
	return b.String()
}

// mkdir is the command that makes folders as the user: what the user's own
// folders lead to must not be root's to make.
func (s Service) mkdir() string {
	const mkdir = "/bin/mkdir -p -m 0700 --"
	if s.User == "" {
		return mkdir
	}
	return fmt.Sprintf("/usr/bin/setpriv --reuid=%s --regid=%s --init-groups -- %s", s.User, s.Group, mkdir)
}

// credential is the drop-in with the place of the keys.
func (s Service) credential() string {
	return "# The device's keys, which systemd decrypts for this service alone.\n\n[Service]\nLoadCredentialEncrypted=" +
		Credential + ":" + percent.Replace(s.Sealed) + "\n"
}

// covered reports whether ProtectHome= hides a home.
func covered(home string) bool {
	for _, dir := range []string{"/home", "/root", "/run/user"} {
		if home == dir || strings.HasPrefix(home, dir+"/") {
			return true
		}
	}
	return false
}
