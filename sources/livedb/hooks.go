package livedb

// leaveOut is what tests leave out of the protocol, to see that copies become
// bad without it. In the program it is all false.
var leaveOut struct {
	generation bool // that the WAL is the same one before and after, as proof W asks
	checkpoint bool // tier 1's lock that keeps checkpoints off
	commitCut  bool // that frames behind the last commit don't count
	wal        bool // the WAL
	overlay    bool // laying the WAL over the copy
}

// during is what tests do in the middle of a capture.
var during struct {
	copied func() // the database's file was copied, the WAL not yet read
	held   func() // tier 1 has its locks
	read   func() // the WAL was read, and nothing looked at again
}

func call(hook func()) {
	if hook != nil {
		hook()
	}
}
