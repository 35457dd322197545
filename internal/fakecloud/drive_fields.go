package fakecloud

import "strings"

// fieldMask is a parsed fields parameter: what to show of an object, by key.
// A nil mask shows everything.
type fieldMask map[string]fieldMask

// parseFields reads the grammar of partial responses: "a,b(c,d),e/f,*". It
// fails on what doesn't close or is empty.
func parseFields(s string) (fieldMask, error) {
	p := &fieldParser{rest: s}
	m := p.list()
	if p.bad || p.rest != "" {
		return nil, &driveError{400, "invalidParameter", "Invalid field selection " + s, "fields"}
	}
	return m, nil
}

type fieldParser struct {
	rest string
	bad  bool
}

func (p *fieldParser) list() fieldMask {
	m := fieldMask{}
	for {
		p.item(m)
		if p.bad || !strings.HasPrefix(p.rest, ",") {
			return m
		}
		p.rest = p.rest[1:]
	}
}

func (p *fieldParser) item(m fieldMask) {
	end := strings.IndexAny(p.rest, ",/()")
	if end < 0 {
		end = len(p.rest)
	}
	name := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	if name == "" {
		p.bad = true
		return
	}
	var below fieldMask
	switch {
	case strings.HasPrefix(p.rest, "/"):
		p.rest = p.rest[1:]
		below = fieldMask{}
		p.item(below)
	case strings.HasPrefix(p.rest, "("):
		p.rest = p.rest[1:]
		below = p.list()
		rest, closed := strings.CutPrefix(p.rest, ")")
		p.rest, p.bad = rest, p.bad || !closed
	}
	if old, seen := m[name]; seen && old != nil {
		for k, v := range below {
			old[k] = v
		}
		below = old
	}
	m[name] = below
}

// apply picks from v, which is made of map[string]any, slices and values.
func (m fieldMask) apply(v any) any {
	if m == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		return m.pick(v)
	case []any:
		picked := make([]any, len(v))
		for i := range v {
			picked[i] = m.apply(v[i])
		}
		return picked
	}
	return v
}

func (m fieldMask) pick(from map[string]any) map[string]any {
	picked := map[string]any{}
	for key, v := range from {
		below, named := m[key]
		if all, every := m["*"]; every && !named {
			below, named = all, true
		}
		if named {
			picked[key] = below.apply(v)
		}
	}
	return picked
}

// masked is an answer of v with the fields of the request, or with the ones
// that the API shows by default.
func (c *driveCall) masked(v any, byDefault string) (driveAnswer, error) {
	fields := c.query.Get("fields")
	if fields == "" {
		fields = byDefault
	}
	m, err := parseFields(fields)
	return driveAnswer{body: v, mask: m}, err
}

const (
	fileFields = "kind,id,name,mimeType"
	listFields = "kind,nextPageToken,incompleteSearch,files(" + fileFields + ")"
)
