package suite

import "testing"

func TestDropbox(t *testing.T) {
	t.Parallel() // it waits for its batches most of the time
	cloud := start(t)
	suite{
		backend: "dropbox",
		options: cloud.Dropbox().SignIn("personal"),
		passes:  165,
		fails: map[string]string{
			"TestIntegration/FsMkdir/FsPutFiles/Internal/PaperExport": "documents of Dropbox Paper are out of scope",
		},
	}.run(t, cloud)
}
