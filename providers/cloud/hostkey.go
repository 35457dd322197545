package cloud

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
)

// hostKey makes sure that an SSH server has to prove who it is: rclone would
// take anybody's word and send the password. Its key was kept at the sign-in, or
// stands in a file of OpenSSH's. Where it stands there already, even the first
// connection is held against it.
func (r *remote) hostKey() error {
	if r.backend.Name != "sftp" || r.given["ssh"] != "" { // the ssh program has its own list
		return nil
	}
	file, _ := r.get("known_hosts_file")
	if kept, _ := r.get(KeyHostKeys); kept != "" && file == "" {
		return nil
	}
	host, _ := r.get("host")
	port, _ := r.get("port")
	port = cmp.Or(port, "22")
	path := knownHosts(file)
	keys, err := keysOf(path, net.JoinHostPort(host, port))
	if pin, _ := r.get(KeyPinHost); pin == "true" && file == "" && len(keys) == 0 {
		return nil
	}
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("%s has none for it", path)
	}
	if err != nil {
		err = providers.Fail(providers.ErrPermission, fmt.Errorf("nobody has said which key the server has: %w", textOnly(err)))
		return hint.New(providers.HintHostKey, err, "remote", r.String())
	}
	r.given["known_hosts_file"] = path
	if r.given["host_key_algorithms"] == "" {
		r.given["host_key_algorithms"] = strings.Join(algorithms(keys), " ")
	}
	return nil
}

// knownHosts is the file to use, as rclone reads it.
func knownHosts(given string) string {
	if given == "" {
		given = "~/.ssh/known_hosts"
	}
	if rest, ok := strings.CutPrefix(given, "~"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			given = filepath.Join(home, rest)
		}
	}
	return os.ExpandEnv(given)
}

// keysOf returns the keys that a file has for an address. "none" is no file:
// to rclone it means not to look.
func keysOf(path, address string) ([]knownhosts.KnownKey, error) {
	if path == "none" {
		return nil, errors.New("the keys of servers are always checked")
	}
	check, err := knownhosts.New(path)
	if err != nil {
		return nil, err
	}
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil, err
	}
	known, ok := errors.AsType[*knownhosts.KeyError](check(address, &net.TCPAddr{}, nobody))
	if !ok {
		return nil, nil // it is revoked, or the address is none
	}
	return known.Want, nil
}

// algorithms are those to ask a server for. Left to itself, Go asks for a kind
// of key that OpenSSH has not noted, and takes it for a changed one.
func algorithms(keys []knownhosts.KnownKey) (list []string) {
	for _, k := range keys {
		switch kind := k.Key.Type(); {
		case authority(k):
			list = append(list, ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
		case kind == ssh.KeyAlgoRSA:
			list = append(list, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA)
		default:
			list = append(list, kind)
		}
	}
	slices.Sort(list) // the file's order is lost on the way
	return slices.Compact(list)
}

// authority reports whether a line of the file is of a key that signs others.
func authority(k knownhosts.KnownKey) bool {
	text, err := os.ReadFile(k.Filename)
	lines := strings.Split(string(text), "\n")
	return err == nil && k.Line >= 1 && k.Line <= len(lines) && strings.HasPrefix(strings.TrimSpace(lines[k.Line-1]), "@cert-authority")
}

// isHostKeyChanged fits a server that has another key than the one it should.
func isHostKeyChanged(err error, _ *telling) bool {
	known, ok := errors.AsType[*knownhosts.KeyError](err)
	_, revoked := errors.AsType[*knownhosts.RevokedError](err)
	return ok && len(known.Want) > 0 || revoked || containsAny(err.Error(),
		"knownhosts: key mismatch", "host key mismatch", "no key is pinned for this algorithm", "no common algorithm for host key")
}

// isHostKeyUnknown fits a server whose key nobody has noted.
func isHostKeyUnknown(err error, _ *telling) bool {
	return containsAny(err.Error(), "knownhosts: key is unknown", "couldn't parse host_keys", "couldn't parse known_hosts_file", "server presented an SSH certificate")
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
