package config

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every key has a description, and is in the schema.
func TestSchemaDescribesEveryKey(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	defs := s["$defs"].(map[string]any)
	checkDescribed(t, s, reflect.TypeFor[Config]())
	checkDescribed(t, defs["Network"].(map[string]any), reflect.TypeFor[Network]())
	for _, typ := range []reflect.Type{reflect.TypeFor[Schedule](), reflect.TypeFor[Pull](), reflect.TypeFor[Power](), reflect.TypeFor[Overdue](),
		reflect.TypeFor[Profile](), reflect.TypeFor[Place](), reflect.TypeFor[Marker](),
		reflect.TypeFor[Pages](), reflect.TypeFor[Rule](), reflect.TypeFor[Never]()} {
		checkDescribed(t, defs[typ.Name()].(map[string]any), typ)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Source](), reflect.TypeFor[Remote](), reflect.TypeFor[Timing](), reflect.TypeFor[Notify]()} {
		def := defs[typ.Name()].(map[string]any)
		forms := def["oneOf"].([]any)
		if len(forms) < 2 || forms[0].(map[string]any)["type"] != "string" || def["description"] == "" {
			t.Errorf("%s: %v", typ.Name(), def)
		}
		checkDescribed(t, forms[1].(map[string]any), typ)
	}
}

// The schema allows the kinds of remote that Parse does, in both forms.
func TestSchemaListsTheTypes(t *testing.T) {
	var s struct {
		Defs map[string]struct {
			OneOf []struct {
				Pattern    string
				Properties struct{ Type struct{ Enum []RemoteType } }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	forms := s.Defs["Remote"].OneOf
	if len(forms) != 2 || !slices.Equal(forms[1].Properties.Type.Enum, RemoteTypes()) {
		t.Fatalf("the group of keys: %+v", forms)
	}
	short := regexp.MustCompile(forms[0].Pattern)
	for _, text := range []string{"local:/a", "local:a:b", "local:", ":x", "/a", "drive:x", "tencent-cos:b/x", "drive:", "notlocal:x", "Local:x", "locl:x"} {
		if _, err := ParseRemote(text); (err == nil) != short.MatchString(text) {
			t.Errorf("%s: the schema's pattern says %v, config %v", text, short.MatchString(text), err)
		}
	}
}

func checkDescribed(t *testing.T, schema map[string]any, typ reflect.Type) {
	t.Helper()
	if schema["additionalProperties"] != false {
		t.Errorf("%s allows unknown keys", typ.Name())
	}
	properties := schema["properties"].(map[string]any)
	for i := range typ.NumField() {
		field := typ.Field(i)
		key := keyOf(field)
		if key == "" {
			continue
		}
		p, _ := properties[key].(map[string]any)
		text, _ := p["description"].(string)
		if !strings.HasPrefix(text, key+" ") {
			t.Errorf("%s.%s: description %q", typ.Name(), key, text)
		}
		delete(properties, key)
	}
	if len(properties) > 0 {
		t.Errorf("%s: unexpected %v", typ.Name(), properties)
	}
}

func TestSchemaRequires(t *testing.T) {
	var s struct {
		Title    string
		Schema   string `json:"$schema"`
		Required []string
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	slices.Sort(s.Required)
	if !slices.Equal(s.Required, []string{"remote"}) || s.Schema == "" || s.Title == "" {
		t.Errorf("%+v", s)
	}
}

// A key is either there or planned, never both.
func TestLaterKeysAreNotFields(t *testing.T) {
	for typ, keys := range later {
		for i := range typ.NumField() {
			if key := keyOf(typ.Field(i)); key != "" && slices.Contains(keys, key) {
				t.Errorf("%s.%s works and is refused", typ.Name(), key)
			}
		}
	}
}

// What config takes as a time, a percentage or hours, the schema does too.
func TestSchemaOfShortTexts(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		config  string // with the text in place of %
		texts   []string
	}{
		{Span(0).JSONSchema().Pattern, "overdue: {after: '%'}", []string{"off", "90s", "1h30m", "3d", "36h", "1d1h1m1s", "99999d", "3", "3 d", "-3d", "1.5h", "3w", "Off"}},
		{Percent(0).JSONSchema().Pattern, "power: {busy: '%'}", []string{"1%", "20%", "100%", "0%", "101%", "20", "20 %", "-1%"}},
		{Hours{}.JSONSchema().Pattern, "notify: {quiet: '%'}", []string{"22:00-07:00", "00:00-23:59", "22:00", "24:00-07:00", "7:00-8:00", "22:00 - 07:00"}},
	} {
		re := regexp.MustCompile(tt.pattern)
		for _, text := range tt.texts {
			_, errs := parse(t, strings.Replace(tt.config, "%", text, 1)+rest)
			if (errs == nil) != re.MatchString(text) {
				t.Errorf("%s: the schema's pattern says %v, config %v", text, re.MatchString(text), errs)
			}
		}
	}
}
