// Package suite proves that the fake clouds are faithful: it runs rclone's
// own tests of its backends against them. What fails there is listed with its
// reason, and the list is exact.
//
// There is nothing here but the tests. They compile much of rclone and take
// minutes, so they run with CHATKEEP_TEST=all, or alone with
//
//	CHATKEEP_TEST=suite go test ./internal/fakecloud/suite
package suite
