// Package metrics says what the daemon knows in the OpenMetrics text format.
package metrics

import "github.com/chatkeep/chatkeep/daemon/control"

// Facts are what is measured, besides the daemon's status.
type Facts struct {
	RemoteUsed, RemoteFree int64          // bytes; -1 if unknown
	LoginExpires           int64          // seconds since 1970; 0 if it doesn't, or is unknown
	Problems               map[string]int // by code
}

// Text returns the metrics.
func Text(s *control.Status, f Facts) ([]byte, error) { return nil, nil }
