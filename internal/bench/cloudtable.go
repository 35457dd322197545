package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

var trafficHeads = []string{"step", "program", "CPU s", "requests", "without token, folder", "creations", "up", "down", "exit", "what they were"}

// trafficTable prints all cells in Markdown, with its columns lined up.
func trafficTable(out io.Writer, cells map[key]usage, rows, programs []string) {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	line(w, trafficHeads)
	line(w, slices.Repeat([]string{"---"}, len(trafficHeads)))
	for _, row := range rows {
		for _, p := range programs {
			if u, ok := cells[key{row, p}]; ok {
				t := u.Asked
				line(w, []string{row, p, seconds(u.CPU), fmt.Sprint(t.all()), fmt.Sprint(t.counted()), fmt.Sprint(t.of(fakecloud.KindCreate)),
					size(t.Up), size(t.Down), fmt.Sprint(u.Exit), t.String()})
			}
		}
	}
	w.Flush()
}

// What a cloud may be asked for.
const (
	bytesPerCreation = 64 << 20
	creationsBesides = 3 // in one backup
	mostUnchanged    = 6 // requests
	mostOneFile      = 6
)

// cloudTargets are those of all services.
func cloudTargets(cells map[key]usage) (list []target) {
	for _, s := range services {
		for _, what := range []string{rowFirst, rowSame, rowMany} {
			t := cells[key{s.row(what), "chatkeep"}].Asked
			most := math.Ceil(float64(t.Up)/bytesPerCreation) + creationsBesides
			list = append(list, target{s.row(what) + ", creations", float64(t.of(fakecloud.KindCreate)), most, "", false})
		}
		for _, x := range []struct {
			what string
			most float64
		}{{rowSame, mostUnchanged}, {rowOne, mostOneFile}} {
			t := cells[key{s.row(x.what), "chatkeep"}].Asked
			list = append(list, target{s.row(x.what) + ", requests", float64(t.counted()), x.most, "", false})
		}
	}
	return list
}
