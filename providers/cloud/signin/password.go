package signin

import (
	"context"
	"fmt"

	"github.com/rclone/rclone/fs/config/obscure"

	"github.com/chatkeep/chatkeep/providers/cloud"
)

// field is an option that the person knows.
type field struct {
	key    string
	ask    string // key of the question
	flag   string
	secret bool
	// obscured says that rclone wants the value disguised, which protects it
	// from a glance and from nothing else.
	obscured bool
	given    func(Login) string
}

func asUser(l Login) string     { return l.User }
func asPassword(l Login) string { return l.Password }
func notGiven(Login) string     { return "" }

// What the services without a consent page ask for. The address stands first:
// a preset brings its own.
var (
	webdavFields = []field{
		{key: "url", ask: "login.ask.url", flag: "--option url=…", given: notGiven},
		userField, passField,
	}
	smbFields  = []field{hostField, userField, passField}
	sftpFields = smbFields
	s3Fields   = []field{
		{key: "access_key_id", ask: "login.ask.access_key", flag: "--user", given: asUser},
		{key: "secret_access_key", ask: "login.ask.secret_key", flag: "--password-file", secret: true, given: asPassword},
	}

	hostField = field{key: "host", ask: "login.ask.host", flag: "--option host=…", given: notGiven}
	userField = field{key: "user", ask: "login.ask.user", flag: "--user", given: asUser}
	passField = field{key: "pass", ask: "login.ask.password", flag: "--password-file", secret: true, obscured: true, given: asPassword}
)

// What a section of an rclone.conf may bring along for them.
var (
	webdavOptions = []string{"url", "vendor", "user", "pass", "bearer_token", "headers"}
	sftpOptions   = []string{"host", "port", "user", "pass", "key_file", "key_file_pass", "key_pem", "key_use_agent", "pubkey_file", "known_hosts_file", "host_keys"}
	smbOptions    = []string{"host", "port", "user", "pass", "domain"}
	s3Options     = []string{"provider", "access_key_id", "secret_access_key", "session_token", "endpoint", "region", "location_constraint", "force_path_style"}
)

// byPassword asks for what is not known yet.
func (l Login) byPassword(ctx context.Context, fields []field, env Env) (map[string]string, error) {
	values := map[string]string{}
	for _, f := range fields {
		if f.key == "pass" && l.keyFile(values) {
			continue
		}
		if l.setting(f.key) != "" && !f.secret && f.given(l) == "" {
			continue // it is kept where it is
		}
		value, err := l.field(ctx, f, env)
		if err != nil {
			return nil, err
		}
		values[f.key] = value
	}
	return values, nil
}

// keyFile reports whether a key stands in for the password.
func (l Login) keyFile(values map[string]string) bool {
	if l.KeyFile != "" && l.Type == "sftp" {
		values["key_file"] = l.KeyFile
	}
	return l.Type == "sftp" && (l.KeyFile != "" || l.setting("key_file") != "" || l.setting("key_use_agent") == "true")
}

func (l Login) field(ctx context.Context, f field, env Env) (string, error) {
	value := f.given(l)
	if value == "" {
		var err error
		if value, err = env.ask(ctx, Question{Key: f.ask, Flag: f.flag, Secret: f.secret}); err != nil {
			return "", err
		}
	}
	if !f.obscured {
		return value, nil
	}
	value, err := obscure.Obscure(value)
	if err != nil {
		return "", fmt.Errorf("keep %s: %w", f.key, err)
	}
	return value, nil
}

// pinHost lets the first connection keep the server's key, unless it is known
// already.
func (l Login) pinHost(s service, values map[string]string) {
	if s.backend == "sftp" && values[cloud.KeyHostKeys] == "" && values["known_hosts_file"] == "" && l.setting("known_hosts_file") == "" {
		values[cloud.KeyPinHost] = "true"
	}
}
