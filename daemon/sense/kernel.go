package sense

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
)

// free returns how many bytes we may still write to the disk that dir lies on.
func free(dir string) (int64, bool) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return -1, false
	}
	return int64(usage.Free), true
}

// pressure returns the percentage of the last ten seconds in which something
// had to wait for the processor. Not every kernel counts it, and a sandbox may
// hide it.
func pressure(proc string) (float64, bool) {
	text, err := os.ReadFile(filepath.Join(proc, "pressure", "cpu"))
	if err != nil {
		return -1, false
	}
	for line := range strings.Lines(string(text)) {
		// some avg10=1.25 avg60=0.80 avg300=0.31 total=12345
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "some" {
			continue
		}
		avg, ok := strings.CutPrefix(fields[1], "avg10=")
		if percent, err := strconv.ParseFloat(avg, 64); ok && err == nil && percent >= 0 && percent <= 100 {
			return percent, true
		}
	}
	return -1, false
}

// hasDefaultRoute reports whether the kernel knows a way to everywhere. Where
// somebody else than NetworkManager made it, NetworkManager says that there is
// no connection, and programs that believe it never send anything.
func hasDefaultRoute(proc string) bool {
	lines := func(name string) []string {
		text, _ := os.ReadFile(filepath.Join(proc, "self", "net", name)) // without it there is no such route
		return strings.Split(string(text), "\n")
	}
	// Iface Destination Gateway Flags RefCnt Use Metric Mask …
	v4 := func(line string) bool {
		f := strings.Fields(line)
		return len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" && usable(f[3])
	}
	// Destination length source length next-hop metric references use flags Iface
	v6 := func(line string) bool {
		f := strings.Fields(line)
		return len(f) == 10 && f[1] == "00" && strings.Trim(f[0], "0") == "" && f[9] != "lo" && usable(f[8])
	}
	return slices.ContainsFunc(lines("route"), v4) || slices.ContainsFunc(lines("ipv6_route"), v6)
}

// usable reports whether the flags of a route say that it is up and leads
// somewhere.
func usable(flags string) bool {
	const up, reject = 0x1, 0x200
	f, err := strconv.ParseUint(flags, 16, 32)
	return err == nil && f&up != 0 && f&reject == 0
}
