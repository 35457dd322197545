package config

import (
	"net/url"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// decode reads a remote from its keys or from TYPE:FOLDER.
func (r *Remote) decode(d *decoder, n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		d.group(n, path, reflect.ValueOf(r).Elem())
		d.require(n, path, "type", "folder")
		if at := join(path, "folder"); r.Folder != "" && r.Type != "" {
			r.Folder = d.remoteFolder(d.at(at), at, r.Type, r.Folder)
		}
		r.Proxy = d.proxy(join(path, "proxy"), r.Proxy)
		r.CACert = d.absolute(join(path, "ca_cert"), r.CACert)
		r.refuseKeys(d, path)
	case yaml.ScalarNode:
		r.decodeText(d, n, path, d.text(n, path))
	default:
		d.fail(n, path, "want_remote")
	}
}

// decodeText reads TYPE:FOLDER; an empty text was reported already.
func (r *Remote) decodeText(d *decoder, n *yaml.Node, path, text string) {
	if text == "" {
		return
	}
	kind, folder, ok := strings.Cut(text, ":")
	if !ok || kind == "" || folder == "" {
		d.fail(n, path, "want_remote")
		return
	}
	if r.Type = d.remoteType(n, path, kind); r.Type != "" {
		r.Folder = d.remoteFolder(n, path, r.Type, folder)
	}
}

// decode reads the kind of a remote.
func (t *RemoteType) decode(d *decoder, n *yaml.Node, path string) {
	if text := d.text(n, path); text != "" {
		*t = d.remoteType(n, path, text)
	}
}

// remoteType returns the kind that text names, or reports that it names none
// and returns "".
func (d *decoder) remoteType(n *yaml.Node, path, text string) RemoteType {
	if !slices.Contains(RemoteTypes(), RemoteType(text)) {
		d.fail(n, path, "unknown_type", "value", shorten(text)).Nearest = nearest(text, RemoteTypes())
		return ""
	}
	return RemoteType(text)
}

// remoteFolder returns the folder that text means with a kind of remote, or
// reports why it means none and returns "".
func (d *decoder) remoteFolder(n *yaml.Node, at string, t RemoteType, text string) string {
	if t == "local" {
		return d.folder(n, at, text)
	}
	clean := path.Clean(text)
	if t != "sftp" { // the only one with paths outside of a home
		clean = strings.TrimLeft(clean, "/")
	}
	outside := clean == ".." || strings.HasPrefix(clean, "../")
	if clean == "" || clean == "." || clean == "/" || outside || strings.HasPrefix(clean, "~") || strings.Contains(clean, "\\") {
		d.fail(n, at, "bad_remote_folder", "value", shorten(text), "want", exampleFolder(t))
		return ""
	}
	return clean
}

func exampleFolder(t RemoteType) string {
	switch t {
	case "s3", "tencent-cos", "aliyun-oss", "qiniu":
		return "BUCKET/chatkeep"
	case "smb":
		return "SHARE/chatkeep"
	}
	return "chatkeep"
}

// proxy checks a proxy's address. A password in it would be a secret, so that
// the message doesn't repeat the address either.
func (d *decoder) proxy(path, text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err == nil && u.User != nil {
		d.fail(d.at(path), path, "proxy_password", "key", path)
		return ""
	}
	schemes := []string{"http", "https", "socks5"}
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		d.fail(d.at(path), path, "bad_proxy", "key", path)
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// noUse lists keys that mean nothing with some kinds of remote.
var noUse = map[string][]RemoteType{
	"options":             {"local"},
	"proxy":               {"local", "smb"},
	"ca_cert":             {"local", "smb", "sftp"},
	"requests_per_minute": {"local", "smb", "sftp"},
	"chunk_size": {"local", "smb", "sftp", "dropbox", "webdav", "s3",
		"jianguoyun", "openlist", "tencent-cos", "aliyun-oss", "qiniu"},
}

// refuseKeys reports keys that mean nothing with this kind, and counts that
// are out of range.
func (r *Remote) refuseKeys(d *decoder, path string) {
	for key, types := range noUse {
		if at := join(path, key); d.has(at) && slices.Contains(types, r.Type) {
			d.fail(d.at(at), at, "not_for_type", "key", at, "type", r.Type)
		}
	}
	for key, v := range map[string]struct{ value, most int }{
		"transfers": {r.Transfers, maxTransfers}, "requests_per_minute": {r.RequestsPerMinute, maxRequests},
	} {
		if at := join(path, key); d.wrote(at) && (v.value < 1 || v.value > v.most) {
			d.fail(d.at(at), at, "size_range", "value", v.value, "min", 1, "max", v.most)
		}
	}
}

// wrote reports whether the file gives path a value that could be read.
func (d *decoder) wrote(path string) bool {
	return d.has(path) && !slices.ContainsFunc(d.errs, func(e *Error) bool { return e.Path == path })
}

// secrets are options of services that no file of ours holds. Which other ones
// are none of the user's, the service knows.
var secrets = []string{
	"pass", "password", "token", "bearer_token", "client_secret", "secret_access_key", "session_token",
	"key_pem", "key_file_pass", "link_password", "ibm_api_key", "service_account_credentials",
	"sse_customer_key", "sse_customer_key_base64", "headers",
}

// IsSecret tells whether an option of a service may never stand in the file.
func IsSecret(option string) bool { return slices.Contains(secrets, option) }

// decode reads the options, whose values are text, numbers, true or false.
// What they mean is the service's to know.
func (o *Options) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "want_map", "key", path)
		return
	}
	options := Options{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, keyText(key))
		if d.has(at) {
			d.fail(key, at, "duplicate_key", "key", at, "line", d.at(at).Line)
			continue
		}
		d.positions[at] = position{value.Line, value.Column}
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "":
			d.fail(key, at, "unknown_key", "key", at)
		case IsSecret(key.Value):
			d.fail(key, at, "secret", "key", at)
		default:
			options[key.Value] = d.option(value, at)
		}
	}
	if len(options) > 0 {
		*o = options
	}
}

// HoldsPassword tells whether an option's value is an address with a user in
// it. A password with a # or a % of its own makes it another address, or none.
func HoldsPassword(value string) bool {
	u, err := url.Parse(value)
	if err != nil {
		_, rest, ok := strings.Cut(value, "://")
		return ok && strings.Contains(rest, "@")
	}
	return u.User != nil || u.Host != "" && strings.Contains(u.Fragment, "@")
}

// option reads the value of one option.
func (d *decoder) option(n *yaml.Node, path string) string {
	tag := n.ShortTag()
	switch {
	case tag == "!!null":
		d.fail(n, path, "empty_value", "key", path)
	case n.Kind == yaml.ScalarNode && slices.Contains([]string{"!!int", "!!bool", "!!float"}, tag):
		return n.Value
	case n.Kind != yaml.ScalarNode || tag != "!!str":
		d.fail(n, path, "want_option", "key", path)
	default:
		text := d.text(n, path)
		if HoldsPassword(text) {
			d.fail(n, path, "secret", "key", path)
			return ""
		}
		return text
	}
	return ""
}

// JSONSchema describes how options are written.
func (Options) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:                 "object",
		AdditionalProperties: &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", MinLength: new(uint64(1))}, {Type: "number"}, {Type: "boolean"}}},
	}
}

// ParseRemote reads TYPE:FOLDER as it stands on a command line. A relative
// local folder is taken from the working folder. The error is an [Errors]
// with the hint bad_remote.
func ParseRemote(text string) (Remote, error) {
	d := &decoder{positions: positions{}}
	var err error
	if d.dir, err = os.Getwd(); err != nil {
		return Remote{}, err
	}
	var r Remote
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}
	if text == "" {
		n.Value = ":" // wrong in the same way, with the sentence for it
	}
	r.decode(d, n, "remote")
	if len(d.errs) > 0 {
		return Remote{}, hint.New("bad_remote", d.errs)
	}
	r.defaults()
	return r, nil
}
