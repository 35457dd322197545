package suite

import "testing"

// Nothing fails: neither on a personal drive, nor on a business's, where
// times are whole seconds and uploads go to SharePoint, nor there after URLs
// stopped carrying their permission, nor in the cloud run by 21Vianet, where
// paths are written in another way.
func TestOneDrive(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, account string
		strict        bool
	}{
		{"personal", "personal", false},
		{"business", "business", false},
		{"business without tempauth", "business", true},
		{"china", "china", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			cloud := start(t)
			options := cloud.Graph().SignIn(tt.account)
			cloud.Graph().RetireTempauth(tt.strict)
			suite{backend: "onedrive", options: options, passes: 206}.run(t, cloud)
		})
	}
}
