package signin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rclone/rclone/fs"
	"github.com/unknwon/goconfig"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// Hints of an import from rclone.
const (
	HintRcloneFile      hint.Code = "rclone_file"      // path
	HintRcloneEncrypted hint.Code = "rclone_encrypted" // path
	HintRcloneSection   hint.Code = "rclone_section"   // section, known
	HintRcloneType      hint.Code = "rclone_type"      // section, found, want
)

// fromRclone takes over a section of an rclone.conf. rclone's own loader is
// not used: it ends the program on an error and changes its environment. The
// file is only read.
func (l Login) fromRclone(ctx context.Context, s service, env Env) (map[string]string, error) {
	text, err := readRcloneConf(l.Rclone)
	if err != nil {
		return nil, err
	}
	section, err := rcloneSection(l.Rclone, text, l.Section)
	if err != nil {
		return nil, err
	}
	if section["type"] != s.backend {
		err := fmt.Errorf("import %s: it is of another type", l.Section)
		return nil, hint.New(HintRcloneType, err, "section", l.Section, "found", section["type"], "want", s.backend)
	}
	values, left := l.pick(s, section)
	if len(left) > 0 {
		env.Say("login.not_imported", "options", left)
	}
	if s.oauth == nil {
		return values, nil
	}
	return values, l.adoptSection(ctx, s.oauth, values, env)
}

// adoptSection finishes a sign-in whose token comes from a section.
func (l Login) adoptSection(ctx context.Context, c *consent, values map[string]string, env Env) error {
	if values["service_account_file"] != "" || values["service_account_credentials"] != "" {
		return nil // it has no token
	}
	if values["client_id"] == "" {
		err := errors.New("the section uses rclone's own client")
		if c == &google {
			return hint.New(HintSharedClient, err)
		}
		env.Say("login.shared_client")
	}
	if c != &microsoft || values["drive_id"] == "" || values["drive_type"] == "" {
		return l.adopt(ctx, c, values["token"], values, env)
	}
	if _, err := tokenJSON(values["token"]); err != nil {
		return err
	}
	return nil
}

// pick takes the options of a section that belong to a sign-in, and names the
// others that rclone knows.
func (l Login) pick(s service, section map[string]string) (values map[string]string, left []string) {
	values = map[string]string{}
	backend, err := fs.Find(s.backend)
	for _, key := range slices.Sorted(maps.Keys(section)) {
		switch {
		case err != nil || backend.Options.Get(key) == nil || section[key] == "":
		case slices.Contains(s.options, key):
			if !cloud.Fixed(l.Type, key) {
				values[key] = section[key]
			}
		default:
			left = append(left, key)
		}
	}
	return values, left
}

// maxRcloneConf bounds what is read; the file may be any.
const maxRcloneConf = 4 << 20

func readRcloneConf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, hint.New(HintRcloneFile, fmt.Errorf("import: %w", err), "path", path)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRcloneConf+1))
	if err == nil && len(text) > maxRcloneConf {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, hint.New(HintRcloneFile, fmt.Errorf("import %s: %w", path, err), "path", path)
	}
	return text, nil
}

// rcloneSection returns the options of one section.
func rcloneSection(path string, text []byte, name string) (map[string]string, error) {
	if encrypted(text) {
		return nil, hint.New(HintRcloneEncrypted, fmt.Errorf("import %s: it is encrypted", path), "path", path)
	}
	conf, err := goconfig.LoadFromReader(bytes.NewReader(text))
	if err != nil { // it would quote the line, and with it perhaps a secret
		return nil, hint.New(HintRcloneFile, fmt.Errorf("import %s: it is not an rclone.conf", path), "path", path)
	}
	known := slices.DeleteFunc(conf.GetSectionList(), func(s string) bool { return s == goconfig.DEFAULT_SECTION })
	if !slices.Contains(known, name) {
		slices.Sort(known)
		err := fmt.Errorf("import %s: there is no section of that name", path)
		return nil, hint.New(HintRcloneSection, err, "section", name, "known", known)
	}
	// The values as they stand: goconfig's GetValue would put other values in
	// for %(name)s, and may grow one without end.
	section, err := conf.GetSection(name)
	if err != nil {
		return nil, hint.New(HintRcloneFile, fmt.Errorf("import %s: it is not an rclone.conf", path), "path", path)
	}
	values := maps.Clone(section)
	maps.DeleteFunc(values, func(key, _ string) bool { return strings.TrimSpace(key) == "" })
	return values, nil
}

// encrypted reports whether the first line that says something is rclone's
// mark of an encrypted file.
func encrypted(text []byte) bool {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line != "" && line[0] != ';' && line[0] != '#' {
			return strings.HasPrefix(line, "RCLONE_ENCRYPT_V")
		}
	}
	return false
}
