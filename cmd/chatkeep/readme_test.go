package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the README says to type works as it stands there: the story
// readme_devices types all of it but what needs a cloud, whose stories have
// addresses and clients of their own. Both languages say the same commands.
func TestReadmeIsTyped(t *testing.T) {
	story := strings.NewReplacer("$WORK/disk", "/media/disk", "$HOME", "~").Replace(readText(t, "testdata/script/readme_devices.txtar"))
	typed := strings.Split(story, "\n")
	english := readmeCommands(readText(t, "../../README.md"))
	for _, command := range english {
		if !strings.Contains(command, "drive:") && !strings.HasPrefix(command, "chatkeep remote ") && !slices.Contains(typed, "exec "+command) {
			t.Errorf("no story types what the README says: %s", command)
		}
	}
	if chinese := readmeCommands(readText(t, "../../README.zh-CN.md")); !slices.Equal(english, chinese) {
		t.Errorf("the two READMEs say different commands:\n%s\n\n%s", strings.Join(english, "\n"), strings.Join(chinese, "\n"))
	}
	if len(english) < 20 {
		t.Errorf("only %d commands were found: does this test still look in the right place?", len(english))
	}
}

// readmeCommands returns the commands of a page that run the program, and those
// in its sentences.
func readmeCommands(page string) []string {
	var list []string
	for _, line := range strings.Split(page, "\n") {
		if command, ok := strings.CutPrefix(line, "    "); ok && strings.HasPrefix(command, "chatkeep ") {
			command, _, _ = strings.Cut(command, "  #")
			list = append(list, strings.TrimSpace(command))
		}
		if _, command, ok := strings.Cut(line, "`chatkeep device "); ok {
			command, _, _ = strings.Cut(command, "`")
			list = append(list, "chatkeep device "+command)
		}
	}
	return list
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
