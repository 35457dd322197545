package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
)

// The files whose comments are the manual.
//
//go:embed config.go
var source string

//go:embed profile.go
var profileSource string

//go:embed daemon.go
var daemonSource string

// Example is a configuration that uses every key, with comments.
//
//go:embed example.yaml
var Example []byte

// Schema returns the JSON Schema of the file, for editors. Its descriptions
// are the comments of the structs.
func Schema() []byte { return schema() }

var schema = sync.OnceValue(func() []byte {
	comments := comments()
	r := &jsonschema.Reflector{
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		ExpandedStruct:             true,
		Anonymous:                  true,
		LookupComment: func(t reflect.Type, field string) string {
			if field == "" {
				return comments[t.Name()]
			}
			f, _ := t.FieldByName(field) // people know the key, not the field
			return strings.Replace(comments[t.Name()+"."+field], field, keyOf(f), 1)
		},
	}
	s := r.Reflect(&Config{})
	s.Title = "chatkeep.yaml"
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("config: write schema: %v", err)) // made of strings only
	}
	return append(data, '\n')
})

// comments returns the comments of the types ("Config") and of their fields
// ("Config.Device"), each as one line.
func comments() map[string]string {
	found := map[string]string{}
	for _, text := range []string{source, daemonSource, profileSource} {
		file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.ParseComments)
		if err != nil {
			panic(fmt.Sprintf("config: read own source: %v", err)) // it was compiled
		}
		commentsIn(file, found)
	}
	return found
}

func commentsIn(file *ast.File, found map[string]string) {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		found[spec.Name.Name] = oneLine(gen.Doc)
		if fields, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range fields.Fields.List {
				found[spec.Name.Name+"."+field.Names[0].Name] = oneLine(field.Doc)
			}
		}
	}
}

func oneLine(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

// JSONSchemaExtend allows the short form, an app or a folder alone.
func (Source) JSONSchemaExtend(s *jsonschema.Schema) {
	orText(s, "The app's name, or the folder's path.")
}

// JSONSchemaExtend allows one source without a list.
func (Sources) JSONSchemaExtend(s *jsonschema.Schema) {
	list := *s
	list.MinItems = new(uint64(1))
	*s = jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", MinLength: new(uint64(1))}, &list}}
}

// JSONSchemaExtend allows the short form, TYPE:FOLDER.
func (Remote) JSONSchemaExtend(s *jsonschema.Schema) {
	orText(s, "TYPE:FOLDER")
	var types []string
	for _, t := range RemoteTypes() {
		types = append(types, string(t))
	}
	s.OneOf[0].Pattern = "^(" + strings.Join(types, "|") + "):."
}

// orText turns the schema of a group of keys into one that also allows text.
func orText(s *jsonschema.Schema, description string) {
	group := *s
	group.Description = ""
	*s = jsonschema.Schema{
		Description: s.Description,
		OneOf:       []*jsonschema.Schema{{Type: "string", MinLength: new(uint64(1)), Description: description}, &group},
	}
}

// JSONSchemaExtend lists the kinds.
func (RemoteType) JSONSchemaExtend(s *jsonschema.Schema) {
	for _, t := range RemoteTypes() {
		s.Enum = append(s.Enum, t)
	}
}
