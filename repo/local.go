package repo

// LocalError attaches a hint to an error of a temporary file that lies beside
// the Writer's own, if the disk is full.
func LocalError(err error) error { return localError(err) }
