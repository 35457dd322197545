package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// typedElsewhere is what the README says to type and no story does: clouds have
// stories with addresses and clients of their own, TestNetworkOfNetworkManager has
// one, testdata/service a systemd, and no test asks a service far away.
var typedElsewhere = []string{"chatkeep remote ", "chatkeep network trust ", "chatkeep service ", "chatkeep notify test "}

// What the README says to type works as it stands there: two stories type all of
// it but what is typed elsewhere. Both languages say the same commands.
func TestReadmeIsTyped(t *testing.T) {
	stories := readText(t, "testdata/script/readme_devices.txtar") + readText(t, "testdata/script/readme_daemon.txtar")
	story := strings.NewReplacer("$WORK/disk", "/media/disk", "$HOME", "~").Replace(stories)
	typed := strings.Split(story, "\n")
	english := readmeCommands(readText(t, "../../README.md"))
	for _, command := range english {
		apart := func(prefix string) bool { return strings.HasPrefix(command, prefix) }
		if !strings.Contains(command, "drive:") && !slices.ContainsFunc(typedElsewhere, apart) && !slices.Contains(typed, "exec "+command) {
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
