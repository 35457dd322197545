package config

import (
	"encoding/json"
	"reflect"
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
	for _, typ := range []reflect.Type{reflect.TypeFor[Source](), reflect.TypeFor[Remote]()} {
		def := defs[typ.Name()].(map[string]any)
		forms := def["oneOf"].([]any)
		if len(forms) != 2 || forms[0].(map[string]any)["type"] != "string" || def["description"] == "" {
			t.Errorf("%s: %v", typ.Name(), def)
		}
		checkDescribed(t, forms[1].(map[string]any), typ)
	}
	for _, word := range []string{`"dropbox"`, `"phone_backup"`} {
		if !strings.Contains(string(Schema()), word) {
			t.Errorf("the schema doesn't list %s", word)
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
	if !slices.Equal(s.Required, []string{"remote", "sources"}) || s.Schema == "" || s.Title == "" {
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
