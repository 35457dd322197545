package main

import (
	"bytes"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chatkeep/chatkeep/config"
)

// configText writes a first configuration: folders and where they are kept.
func configText(remote config.Remote, folders []string) ([]byte, error) {
	type source struct {
		Name   string `yaml:"name"`
		Folder string `yaml:"folder"`
	}
	doc := struct {
		Sources []source      `yaml:"sources"`
		Remote  config.Remote `yaml:"remote"`
	}{Remote: remote}
	for _, f := range folders {
		full, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		doc.Sources = append(doc.Sources, source{sourceName(full), full})
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
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
