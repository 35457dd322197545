//go:build !unix

package repo

// localError attaches a hint to an error of this computer's own disk being
// full, where the system tells.
func localError(err error) error { return err }
