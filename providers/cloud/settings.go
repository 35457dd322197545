package cloud

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/rclone/rclone/fs"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Mistake is something wrong with one setting of a remote.
type Mistake struct {
	Path string // of the setting below the remote's, such as "options.url"
	Err  error  // what is wrong
}

// Error names the setting and what is wrong.
func (m *Mistake) Error() string { return m.Path + ": " + m.Err.Error() }

// Unwrap returns what is wrong.
func (m *Mistake) Unwrap() error { return m.Err }

// CheckSettings tells whether the options of a type of remote are the user's
// to set and can have these values. It asks no service, and doesn't mind what
// is missing: the sign-in may bring it. The error is a [Mistake].
func CheckSettings(kind string, settings map[string]string) error {
	p, ok := presets[kind]
	if !ok {
		return &Mistake{"type", fmt.Errorf("there is no type %s", kind)}
	}
	backend, err := fs.Find(p.backend)
	if err != nil {
		return &Mistake{"type", err}
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if err := p.checkSetting(kind, backend.Options, name, settings[name]); err != nil {
			return &Mistake{"options." + name, err}
		}
	}
	return nil
}

func (p preset) checkSetting(kind string, options fs.Options, name, value string) error {
	o := options.Get(name)
	if o == nil {
		return unknownOption(kind, name, p.allowed(options))
	}
	if err := p.mine(kind, o); err != nil {
		return err
	}
	return checkValue(*o, value)
}

func unknownOption(kind, name string, known []string) error {
	if near := nearest(name, known); near != "" {
		return fmt.Errorf("%s has no option %s; did you mean %s?", kind, name, near)
	}
	return fmt.Errorf("%s has no option %s%s", kind, name, listed("; it has ", known))
}

// allowed lists the options that are the user's to set.
func (p preset) allowed(options fs.Options) []string {
	var names []string
	for _, o := range options {
		if p.mine("", &o) == nil {
			names = append(names, o.Name)
		}
	}
	return names
}

// Why an option is not the user's to set.
var (
	errSecret = errors.New("it is a secret and belongs in the sign-in; run: chatkeep remote login")
	errSignIn = errors.New("it comes from the sign-in; run: chatkeep remote login")
	errOurs   = errors.New("chatkeep sets it itself; remove it")
)

// mine says why an option is not the user's to set, or nil.
func (p preset) mine(kind string, o *fs.Option) error {
	_, forced := kinds[p.backend].options[o.Name]
	_, fixed := p.fixed[o.Name]
	switch {
	case o.IsPassword || slices.Contains(secretOptions, o.Name):
		return errSecret
	case slices.Contains(signInOptions, o.Name):
		return errSignIn
	case fixed:
		return fmt.Errorf("the type %s sets it; remove it", kind)
	case o.Name == "chunk_size" && (Limits{ChunkSize: 1}).options(p.backend) != nil:
		return errors.New("write it as chunk_size beside type")
	case o.Name == "socks_proxy" || o.Name == "http_proxy":
		return errors.New("write it as proxy beside type")
	case forced || slices.Contains(ourOptions, o.Name):
		return errOurs
	}
	return nil
}

// Options by whose they are. What rclone marks as sensitive is more than what
// is secret: a host, a user.
var (
	secretOptions = []string{
		"token", "client_secret", "bearer_token", "secret_access_key", "session_token", "key_pem", "headers", "link_password",
		"ibm_api_key", "service_account_credentials", "sse_customer_key", "sse_customer_key_base64",
	}
	signInOptions = []string{
		"client_id", "access_key_id", "drive_id", "drive_type", "root_folder_id", "team_drive", "service_account_file", "pin_host_key",
	}
	ourOptions = []string{
		"encoding", "description", "hashes", "list_chunk", "upload_cutoff", "copy_cutoff", "chunk_size", "nextcloud_chunk_size", "pacer_min_sleep", "pacer_burst",
		"auth_url", "token_url", "client_credentials", "access_scopes", "scope", "env_auth",
		"use_trash", "hard_delete", "trashed_only", "starred_only", "shared_with_me", "shared_files", "shared_folders",
		"batch_mode", "batch_size", "batch_timeout", "batch_commit_timeout",
		"versions", "version_at", "version_deleted", "directory_markers", "no_head", "no_head_object", "decompress", "sdk_log_mode",
		"disable_checksum", "max_upload_parts", "object_lock_set_after_upload",
		"ask_password", "shell_type", "set_modtime", "disable_hashcheck", "path_override", "copy_is_hardlink", "multithread_upload",
		"md5sum_command", "sha1sum_command", "crc32sum_command", "sha256sum_command", "blake3sum_command", "xxh3sum_command", "xxh128sum_command",
	}
	// fewValues are options whose examples are all there is.
	fewValues = []string{"provider", "vendor"}
)

// checkValue tells whether a value is one that the option can have.
func checkValue(o fs.Option, value string) error {
	if err := o.Set(value); err != nil {
		return fmt.Errorf("%q is not %s", value, wanted(o))
	}
	switch {
	case slices.Contains(fewValues, o.Name), o.Name == "region" && o.Default == "global": // OneDrive's
		return checkExample(o, value)
	case o.Name == "url":
		return checkURL(value)
	case o.Name == "known_hosts_file" && value == "none": // rclone's word for not to look
		return errors.New("an SSH server must show who it is; name a file, or leave the option out")
	}
	return nil
}

// wanted says what kind of value an option has.
func wanted(o fs.Option) string {
	switch o.Default.(type) {
	case bool, fs.Tristate:
		return "true or false"
	case int, int64, uint, uint32:
		return "a whole number"
	case fs.SizeSuffix:
		return "a size, such as 8Mi"
	case fs.Duration:
		return "a time, such as 30s"
	}
	return "a value it can have"
}

func checkExample(o fs.Option, value string) error {
	var values []string
	for _, e := range o.Examples {
		values = append(values, e.Value)
	}
	if slices.Contains(values, value) {
		return nil
	}
	if near := nearest(value, values); near != "" {
		return fmt.Errorf("there is no %s %s; did you mean %s?", o.Name, value, near)
	}
	return fmt.Errorf("there is no %s %s%s", o.Name, value, listed("; there are ", values))
}

// listed names the choices, unless there are too many to read.
func listed(intro string, choices []string) string {
	const most = 15
	if len(choices) == 0 || len(choices) > most {
		return ""
	}
	return intro + strings.Join(choices, ", ")
}

// checkURL doesn't repeat the address, which may hold a password.
func checkURL(value string) error {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it is not an address; write it like https://dav.example.com/dav/")
	case u.User != nil:
		return errSecret
	}
	return nil
}

// nearest returns the word that was probably meant, or "".
func nearest(word string, words []string) string {
	best, distance := "", max(1, (len(word)+1)/3)+1
	if len(word) > 40 {
		return ""
	}
	for _, w := range words {
		d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(w))
		if len(word) > 2 && strings.HasPrefix(strings.ToLower(w), strings.ToLower(word)) {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = w, d
		}
	}
	return best
}

// Hints about settings.
const (
	HintNeeds  hint.Code = "remote_needs"   // option
	HintCACert hint.Code = "remote_ca_cert" // path
)

// complete tells whether a remote has the options without which there is
// nothing to talk to. get looks where they may come from, the sign-in included.
func (p preset) complete(get func(option string) (string, bool)) error {
	if option := p.missing(get); option != "" {
		return hint.New(HintNeeds, fmt.Errorf("option %s is missing", option), "option", option)
	}
	return nil
}

// checkCACert tells whether a file of certificates can be used. rclone ends
// the process over one that can't.
func checkCACert(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	if err != nil {
		return hint.New(HintCACert, fmt.Errorf("read certificates: %w", err), "path", path)
	}
	return nil
}
