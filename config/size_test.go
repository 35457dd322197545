package config

import "testing"

func TestSizeText(t *testing.T) {
	for text, want := range map[string]Size{
		"1B": 1, "20MB": 20e6, "20 MiB": 20 << 20, "2GiB": 2 << 30, "1.5KiB": 1536, "1kB": 1000, "1KB": 1000,
		"0.0000001TiB": 109951, "8388607TiB": 8388607 << 40,
	} {
		c := mustParse(t, "sources: [{folder: /a, max_file_size: "+text+"}]"+rest)
		if got := c.Sources[0].MaxFileSize; got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
}

func TestSizeString(t *testing.T) {
	for size, want := range map[Size]string{
		1: "1B", 1000: "1kB", 0: "0B", 1024: "1KiB", 1536: "1536B", 20e6: "20MB", 64 << 20: "64MiB", 3 << 29: "1536MiB",
		1<<63 - 1: "9223372036854775807B", 5e12: "5TB",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(size), got, want)
		}
	}
}
