package providers

import "context"

// Unknown is a size a service does not tell.
const Unknown int64 = -1

// Usage is what a service says of the account behind a remote.
type Usage struct {
	Account string // as the service shows it to its owner, an address or a name; empty if unknown
	Total   int64  // bytes the account may hold; Unknown also where there is no limit
	Used    int64  // bytes that count against it, whoever put them there
	Free    int64  // bytes
	Trashed int64  // of Used
}

// Accountant is a Remote that can say whose account it is and how full it is.
// What the service doesn't tell is Unknown, which is no error.
type Accountant interface {
	Usage(ctx context.Context) (Usage, error)
}

// Watcher is a Remote that can say whether anything changed.
type Watcher interface {
	// Changed reports whether anybody else may have put or removed objects since
	// it was last called, also if that was before a restart. The first call and
	// a service that lost count give true. It is a hint to look, never a proof
	// that nothing changed.
	Changed(ctx context.Context) (bool, error)
}
