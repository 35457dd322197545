package suite

import (
	"maps"
	"testing"

	"github.com/chatkeep/chatkeep/internal/fakecloud"
)

// What fails on the fake drive, and why it may.
var driveFails = map[string]string{
	"TestIntegration/FsMkdir/FsPutFiles/Internal/DocumentImport/DocumentUpdate/DocumentExport": "Google Docs are not faked: nothing converts a document for the export",
	"TestIntegration/FsMkdir/FsPutFiles/Internal/Query/GoodQuery":                              "asks for a file that CopyOrMoveID has just moved into the trash: only a listing that lags finds it",
}

func TestDrive(t *testing.T) {
	for _, scope := range []string{"drive", "drive.file"} {
		t.Run(scope, func(t *testing.T) {
			cloud := start(t)
			options := cloud.Drive().SignInWith("ada", fakecloud.GoogleClientID, scope)
			// Nobody throttles here.
			maps.Copy(options, map[string]string{"pacer_min_sleep": "1ms", "pacer_burst": "1000"})
			suite{backend: "drive", options: options, passes: 185, fails: driveFails}.run(t, cloud)
		})
	}
}
