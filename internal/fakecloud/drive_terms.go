package fakecloud

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// memberTerm is 'value' in collection.
func memberTerm(value, collection string) (driveQuery, error) {
	switch collection {
	case "parents":
		return func(c *driveCall, _ driveView, f *driveFile) bool {
			return f.Parent != "" && f.Parent == c.alias(value)
		}, nil
	case "owners":
		return func(c *driveCall, _ driveView, f *driveFile) bool { return f.Owner == c.me(value) }, nil
	case "writers", "readers":
		return func(c *driveCall, _ driveView, f *driveFile) bool {
			return slices.ContainsFunc(f.Permissions, func(p *drivePermission) bool { return p.Email == c.me(value) })
		}, nil
	}
	return nil, errQuery
}

func compareTerm(field, op string, value queryToken) (driveQuery, error) {
	switch field {
	case "name", "mimeType", "fullText":
		return textTerm(field, op, value)
	case "modifiedTime", "createdTime", "viewedByMeTime":
		return timeTerm(field, op, value)
	case "trashed", "starred", "sharedWithMe":
		return boolTerm(field, op, value)
	}
	return nil, errQuery
}

func textTerm(field, op string, value queryToken) (driveQuery, error) {
	if !value.quoted {
		return nil, errQuery
	}
	text := func(f *driveFile) string { return f.Name }
	if field == "mimeType" {
		text = func(f *driveFile) string { return f.MimeType }
	}
	switch {
	case op == "=" && field != "fullText": // and cares for no case
		return func(_ *driveCall, _ driveView, f *driveFile) bool { return strings.EqualFold(text(f), value.text) }, nil
	case op == "!=" && field != "fullText":
		return func(_ *driveCall, _ driveView, f *driveFile) bool { return !strings.EqualFold(text(f), value.text) }, nil
	case op == "contains":
		return func(_ *driveCall, _ driveView, f *driveFile) bool { return containsWord(text(f), value.text) }, nil
	}
	return nil, errQuery
}

// containsWord reports whether a word of text begins with prefix: "contains"
// finds no middles of words.
func containsWord(text, prefix string) bool {
	text, prefix = strings.ToLower(text), strings.ToLower(prefix)
	atStart := true
	for i, r := range text {
		if atStart && strings.HasPrefix(text[i:], prefix) {
			return true
		}
		atStart = !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return false
}

func timeTerm(field, op string, value queryToken) (driveQuery, error) {
	at, err := parseDriveTime(value.text)
	if err != nil || !value.quoted {
		return nil, errQuery
	}
	holds, known := map[string]func(int) bool{
		"=": func(n int) bool { return n == 0 }, "!=": func(n int) bool { return n != 0 },
		"<": func(n int) bool { return n < 0 }, "<=": func(n int) bool { return n <= 0 },
		">": func(n int) bool { return n > 0 }, ">=": func(n int) bool { return n >= 0 },
	}[op]
	if !known {
		return nil, errQuery
	}
	return func(_ *driveCall, _ driveView, f *driveFile) bool {
		t := map[string]time.Time{"modifiedTime": f.Modified, "createdTime": f.Created, "viewedByMeTime": f.Viewed}[field]
		return holds(cmp.Compare(t.UnixMilli(), at.UnixMilli()))
	}, nil
}

// parseDriveTime reads RFC 3339; without a zone it is UTC.
func parseDriveTime(s string) (t time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, err
}

func boolTerm(field, op string, value queryToken) (driveQuery, error) {
	if value.quoted || op != "=" && op != "!=" || value.text != "true" && value.text != "false" {
		return nil, errQuery
	}
	want := (value.text == "true") == (op == "=")
	return func(c *driveCall, v driveView, f *driveFile) bool {
		switch field {
		case "trashed":
			return v.trashed(f) == want
		case "starred":
			return f.Starred == want
		}
		return (f.Owner != c.user.Email) == want
	}, nil
}
