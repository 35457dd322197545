package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// position is a place in the file, from 1.
type position struct{ line, column int }

// node returns a node that stands at p, for reporting a mistake there.
func (p position) node() *yaml.Node { return &yaml.Node{Line: p.line, Column: p.column} }

// positions are the places of values by path.
type positions map[string]position

// find returns the place of path, or of the nearest value around it that is
// in the file. "" is the file itself.
func (ps positions) find(path string) position {
	for path != "" {
		if p, ok := ps[path]; ok {
			return p
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return ps[""]
}

// File returns the name the configuration was read under.
func (c *Config) File() string { return c.file }

// Position returns line and column, from 1, of the value at path, such as
// "sources[0].folder". For a value that isn't in the file, such as a default,
// it is the place of the nearest one around it, in the end 1, 1.
func (c *Config) Position(path string) (line, column int) {
	p := c.positions.find(path)
	return max(p.line, 1), max(p.column, 1)
}

// Mistake is a mistake at path that another package found, for [Errors] with
// its place. Pairs are a name and a value for the sentence of the code.
func (c *Config) Mistake(path string, code Code, pairs ...any) *Error {
	d := &decoder{file: c.file, positions: c.positions}
	line, column := c.Position(path)
	return d.fail(position{line, column}.node(), path, code, pairs...)
}

// At puts file, line and column of the value at path before an error that
// another package found there. A nil err gives nil.
func (c *Config) At(path string, err error) error {
	if err == nil {
		return nil
	}
	line, column := c.Position(path)
	return fmt.Errorf("%s: %s: %w", where(c.file, line, column), path, err)
}
