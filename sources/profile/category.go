package profile

// Category is a kind of content, by its name in the configuration and in
// snapshots.
type Category struct {
	Name     string
	Priority int // of what a rule gives no other: 0 goes first
}

// other is the category of what no rule knows.
const other = "other"

// Priorities of what no rule knows.
const (
	lastPriority     = 4
	unknownDatabases = 1
)

var categories = []Category{
	{"messages", 0}, {"contacts", 0}, {"session", 0}, {"config", 0},
	{"voice", 1}, {"favorites", 1}, {"moments", 1}, {"stickers", 1}, {"avatars", 1}, {"media_index", 1}, {"phone_backup", 1},
	{"images", 2}, {"files", 2},
	{"videos", 3},
	{"search_index", lastPriority}, {"cache", lastPriority}, {other, lastPriority},
}

// Categories returns all of them, those that go first in front.
func Categories() []Category { return categories }

// priorityOf returns a category's own priority, or false if there is none of
// this name.
func priorityOf(name string) (int, bool) {
	for _, c := range categories {
		if c.Name == name {
			return c.Priority, true
		}
	}
	return 0, false
}
