package fakecloud

import (
	"encoding/base64"
	"testing"
)

// The values are Microsoft's, as other programs' tests give them, around the
// lengths where the ring wraps.
func TestQuickXor(t *testing.T) {
	tests := []struct{ data, want string }{
		{"", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{"Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="},
		{"0pZP", "0rDEEwAAAAAAAAAAAwAAAAAAAAA="},
		{"XoJ1AsoR4fDYJrDqYs4=", "XhBEHQSgjAiEAx7YPgEs1CEGZwA="},
		{"gQaybEqS/4UlDc8e4IJm", "gDCALNigBEn8oxAlZ8AzPAAOQZg="},
		{"T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="},
		{"PfxMcUd0vIW6VbHG/uj/Y0W6qEoKmyBD0nYebEKazKaKG+UaDqBEcmQjbfQeVnVLuodMoPp7P7TR1htX5n2VnkHh22xDyoJ8C/ZQKiSNqQfXvh83judf4RVr9exJCud8Uvgip6aVZTaPrJHVjQhMCp/dEnGvqg0oN5OVkM2qqAXvA0teKUDhgNM71sDBVBCGXxNOR2bpbD1iM4dnuT0ey4L+loXEHTL0fqMeUcEi2asgImnlNakwenDzz0x57aBwyq3AspCFGB1ncX4yYCr/OaCcS5OKi/00WH+wNQU3",
			"QX/YEpG0gDsmhEpCdWhsxDzsfVE="},
	}
	for _, tt := range tests {
		data, err := base64.StdEncoding.DecodeString(tt.data)
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.StdEncoding.EncodeToString(quickXor(data)); got != tt.want {
			t.Errorf("quickXor of %d bytes: got %s, want %s", len(data), got, tt.want)
		}
	}
}
