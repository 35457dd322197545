package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// Code is the stable name of a kind of mistake, such as "unknown_key". Its
// sentences are in internal/i18n under config.<code>.
type Code string

// sentences are the English texts by code. The catalogue has the same ones; a
// test compares.
var sentences = map[Code]string{
	"not_utf8":           `the file is not UTF-8 text; save it again with the encoding UTF-8`,
	"too_large":          `the file is larger than {max}, which no configuration is`,
	"syntax":             `this is not valid YAML: {problem}`,
	"tab":                `a tab is used to indent; use spaces`,
	"fullwidth":          `{found} is a full-width character; write {want} instead`,
	"fullwidth_space":    `a full-width space is used to indent; use ordinary spaces`,
	"colon_space":        `a space is missing after the colon; write "{want}"`,
	"several_documents":  `a second document starts here; the configuration is one document, remove the “---”`,
	"yaml_feature":       `{feature} can't be used here: no anchors, aliases, merge keys or tags; write the value itself`,
	"unknown_key":        `unknown key {key}`,
	"duplicate_key":      `{key} is here a second time; the first is on line {line}`,
	"missing_key":        `{key} is missing`,
	"later":              `{key} is not available in this version yet; remove it for now`,
	"later_source":       `backing up {name} by itself is not available in this version yet; name its folder instead`,
	"empty_value":        `{key} has no value; give one or remove the line`,
	"want_text":          `{key} must be text; put it in quotes if it looks like a number or a date`,
	"want_list":          `{key} must be a list, such as [a, b]`,
	"want_map":           `{key} must be a group of keys with their values`,
	"want_number":        `{key} must be a whole number`,
	"want_source":        `a source is an app, such as wechat, a folder, or a name and a folder: {name: exports, folder: ~/Exports}`,
	"want_remote":        `a remote is TYPE:FOLDER, such as local:/media/disk/chatkeep or drive:chatkeep, or a type and a folder: {type: drive, folder: chatkeep}`,
	"size_unit":          `{value} has no known unit; write {want}`,
	"bad_size":           `{value} is not a size; write it like 20MiB or 2GiB`,
	"size_range":         `{value} is out of range: {min} to {max}`,
	"bad_rate":           `{value} is not a rate; write it like 512KiB/s or 2MiB/s, or unlimited`,
	"bad_timetable":      `{value} is not a part of a timetable; write it like "08:00,512KiB/s 23:00,unlimited"`,
	"bad_remote_folder":  `{value} is not a folder there; write it like {want}`,
	"bad_proxy":          `{key} is not the address of a proxy; write it like http://127.0.0.1:7890 or socks5://127.0.0.1:1080`,
	"proxy_password":     `{key} holds a user or a password, and no secret stands in this file; leave the key out and give chatkeep the address in its environment, as HTTPS_PROXY`,
	"secret":             `{key} holds a secret, and none stands in this file; give it to: chatkeep remote login`,
	"not_for_type":       `{key} has no effect with {type}; remove it`,
	"want_option":        `{key} must be text, a number, true or false`,
	"bad_text":           `{key} contains a character that can't be printed`,
	"bad_name":           `{value} can't be a name; use letters, digits, dot, dash and underscore, at most {max} bytes, such as {want}`,
	"name_needed":        `the folder {value} gives no usable name; write {name: {want}, folder: …}`,
	"duplicate_source":   `the name {name} is taken by the source on line {line}; give this one another name`,
	"no_sources":         `there is nothing to back up; name at least one app or folder, or remove the line if this computer only restores`,
	"bad_folder":         `{value} is not a folder's path`,
	"no_home":            `{value} starts at your home folder, which is not known here; write the whole path`,
	"not_a_path":         `{value} is neither a folder nor an app this version knows; write a folder as a path, such as ./{value}`,
	"unknown_app":        `{value} is no app this version knows, and none of profiles`,
	"unknown_category":   `there is no category {value}; chatkeep accounts shows them`,
	"not_one_of":         `{key} can't be {value}; it is one of {choices}`,
	"bad_duration":       `{value} is not a time; write it like 30s or 10m`,
	"only_with_app":      `{key} is for chat apps; it needs app beside it`,
	"not_with_app":       `{key} is for folders; it can't stand with app`,
	"first_and_left_out": `{value} is in first too; it can't go first and be left out`,
	"duplicate_profile":  `the name {name} is taken by another profile or app; give this one another name`,
	"unknown_type":       `unknown type of remote {value}`,
	"want_bool":          `{key} must be true or false`,
	"bad_span":           `{value} is not a time; write it like 10m, 36h or 3d, or off`,
	"bad_percent":        `{value} is not a percentage; write it like 20%`,
	"bad_hours":          `{value} is no part of a day; write it like "22:00-07:00"`,
	"want_allowance":     `{key} must be pause, first-only, allow, or a list of categories, such as [messages]`,
	"needs_key":          `{key} has no effect without {other}; add it, or remove this`,
	"pull_apart":         `{value} and {other} are one folder, or one lies in the other; what is brought back needs a folder of its own`,
	"schedule_syntax":    `{value} is not a schedule ({problem}); write it like "*/30 * * * *", "0 3 * * *", @daily or "@every 2h"`,
	"schedule_never":     `{value} never fires: there is no such day`,
	"schedule_interval":  `{value} is not possible: an interval is from one minute to ten years`,
	"schedule_zone":      `there is no time zone {value}; write it like Asia/Shanghai or Europe/Berlin`,
	"jitter_long":        `{value} is too long to put it off: it comes again after {most}`,
	"network_unknown":    `the network {value} is not known on this computer; while you are connected to it, run: chatkeep network trust {value}`,
	"duplicate_value":    `{value} is in the list twice`,
}

// Codes returns all codes, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(sentences)) }

// Error is one mistake in the file.
type Error struct {
	File         string // as it was named when read; may be empty
	Line, Column int    // from 1, Column in characters; 0 if the text is not from a file
	Path         string // of the value, such as "sources[0].folder"; empty for the whole file
	Code         Code
	Args         map[string]any // values for the sentence, by name
	Nearest      string         // the valid word that was probably meant, or empty
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// Error returns the place and the mistake in English.
func (e *Error) Error() string {
	text := placeholder.ReplaceAllStringFunc(sentences[e.Code], func(name string) string {
		if v, ok := e.Args[name[1:len(name)-1]]; ok {
			return fmt.Sprint(v)
		}
		return name
	})
	if e.Nearest != "" {
		text += "; did you mean " + e.Nearest + "?"
	}
	if where := e.Where(); where != "" {
		return where + ": " + text
	}
	return text
}

// Where returns the place as FILE:LINE:COLUMN, or "" if there is none.
func (e *Error) Where() string {
	if e.Line == 0 {
		return e.File
	}
	return where(e.File, e.Line, e.Column)
}

func where(file string, line, column int) string {
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}

// Errors are the mistakes in a file, in the order of their places: at least
// one, and the first hundred at most.
type Errors []*Error

// Error returns the mistakes, one on each line.
func (list Errors) Error() string {
	lines := make([]string, len(list))
	for i, e := range list {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes.
func (list Errors) Unwrap() []error {
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errs
}

// Bad returns the mistakes in the order of their places, as the error that
// [Load] gives; nil if there is none.
func (list Errors) Bad() error {
	if len(list) == 0 {
		return nil
	}
	list.sort()
	return hint.New(CodeBad, list[:min(len(list), maxErrors)])
}

func (list Errors) sort() {
	slices.SortStableFunc(list, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// nearest returns the word that was probably meant, or "" if none is near.
func nearest[T ~string](word string, words []T) string {
	word = strings.ToLower(word)
	if len(word) > 40 {
		return ""
	}
	best, distance := "", max(1, (len(word)+1)/3)+1
	for _, w := range words {
		if string(w) == other[word] {
			return string(w)
		}
		if d := levenshtein.ComputeDistance(word, string(w)); d < distance {
			best, distance = string(w), d
		}
	}
	return best
}
