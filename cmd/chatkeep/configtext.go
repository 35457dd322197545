package main

import (
	"bytes"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/config"
)

// firstSource is a source of a first configuration.
type firstSource struct {
	App    string `yaml:"app,omitempty"`
	Root   string `yaml:"root,omitempty"`
	Name   string `yaml:"name,omitempty"`
	Folder string `yaml:"folder,omitempty"`
}

// firstSources are the apps and folders that a user names.
func firstSources(apps, folders []string) (list []firstSource, err error) {
	for _, app := range apps {
		list = append(list, firstSource{App: app})
	}
	for _, f := range folders {
		full, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		list = append(list, firstSource{Name: sourceName(full), Folder: full})
	}
	return list, nil
}

// configText writes a first configuration: what is kept, and where. A device
// without a name has the computer's.
func configText(device string, remote config.Remote, list []firstSource) ([]byte, error) {
	return yamlText(struct {
		Device  string        `yaml:"device,omitempty"`
		Sources []firstSource `yaml:"sources,omitempty"`
		Remote  config.Remote `yaml:"remote"`
	}{device, list, remote})
}

func yamlText(doc any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// sourceName makes a folder's own name fit for a source.
func sourceName(folder string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r < ' ' {
			return '-'
		}
		return r
	}, filepath.Base(folder))
}
