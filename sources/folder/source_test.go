package folder_test

import (
	"testing"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/folder"
	"github.com/chatkeep/chatkeep/sources/sourcetest"
)

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(t testing.TB) (sources.Source, string) {
		root := t.TempDir()
		s, err := folder.New(folder.Options{Name: "exports", Root: root})
		if err != nil {
			t.Fatal(err)
		}
		return s, root
	})
}
