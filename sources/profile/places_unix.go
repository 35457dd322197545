//go:build !windows

package profile

// knownDocuments: these systems keep it in files.
func knownDocuments() string { return "" }

// readRegistry: there is none.
func readRegistry(string) string { return "" }
