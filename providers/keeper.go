package providers

// Keeper is a Remote that keeps a sign-in which the service renews.
type Keeper interface {
	// Unsaved returns why the newest sign-in is not where the next run looks for
	// it, or nil if it is. What is only in memory is lost at the end of the
	// program, and with it perhaps the sign-in.
	Unsaved() error
}
