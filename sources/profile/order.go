package profile

import "slices"

// order is what the user says about categories.
type order struct{ first, leaveOut []string }

// Priority returns where a category stands when some go first.
func Priority(category string, first []string) int {
	own, _ := priorityOf(category)
	return order{first: first}.priority(category, own)
}

// apply gives a class the priority that the user wants for it. It reports
// false if its category is left out.
func (o order) apply(c Class) (Class, bool) {
	if slices.Contains(o.leaveOut, c.Category) {
		return c, false
	}
	c.Priority = o.priority(c.Category, c.Priority)
	if c.rule != nil && c.rule.class.Before != "" {
		before := c.rule.class.Before
		own, _ := priorityOf(before)
		c.Priority = min(c.Priority, o.priority(before, own))
	}
	return c, true
}

// priority moves the categories that go first to the front.
func (o order) priority(category string, own int) int {
	if i := slices.Index(o.first, category); i >= 0 {
		return i
	}
	return len(o.first) + own
}
