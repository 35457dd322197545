package format

// What a record may list at most. A member's own key signs its records, so they
// may hold anything: without bounds a few kilobytes would unpack to lists that
// fill a reader's memory, since an empty entry takes two bytes there and a
// hundred here. No writer comes near.
const (
	// MaxChunk is the most bytes a chunk may have.
	MaxChunk = 4 << 20
	// maxStored is the most a chunk's frame may have.
	maxStored = MaxChunk + 64<<10

	maxEntries  = 1 << 14 // of a Node, and children; writers: 1024
	maxLevel    = 12      // of a Node
	maxXAttrs   = 1 << 14 // of an Entry; Linux has room for 64 KiB of names
	maxSources  = 1 << 12 // of a Root
	maxIndexes  = 1 << 12 // of a Snapshot; writers: about 64
	maxHeads    = 1 << 12 // of a Snapshot; one for each other device
	maxAccepted = 1 << 16 // records that a Snapshot accepts
	maxSums     = 16      // of a Pack
	maxMembers  = 1 << 13 // devices, epochs, parents, policies of a Roster; epochs of a KeyFile
)

// within refuses a list that would become longer than most.
func within(n, most int, what string) error {
	if n > most {
		return malformed("too many " + what)
	}
	return nil
}
