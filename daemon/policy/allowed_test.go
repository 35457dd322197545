package policy

import "testing"

func TestAllowed(t *testing.T) {
	m, mc, i := *only("messages"), *only("messages", "contacts"), *only("images")
	for _, x := range []struct {
		a, b     Allowed
		and      string
		stricter bool // a than b
	}{
		{Everything, Everything, "everything", false},
		{Everything, m, "messages", false},
		{Everything, Nothing, "nothing", false},
		{m, Everything, "messages", true},
		{m, mc, "messages", true},
		{mc, m, "messages", false},
		{m, m, "messages", false},
		{m, i, "nothing", true},
		{i, m, "nothing", true},
		{m, Nothing, "nothing", false},
		{Nothing, m, "nothing", true},
		{Nothing, Everything, "nothing", true},
		{Nothing, Nothing, "nothing", false},
	} {
		if got := x.a.And(x.b); got.String() != x.and || got.None() != (x.and == "nothing") {
			t.Errorf("%s and %s allow %s, want %s", x.a, x.b, got, x.and)
		}
		if got := x.a.StricterThan(x.b); got != x.stricter {
			t.Errorf("%s stricter than %s: %v", x.a, x.b, got)
		}
	}
	if !Everything.Covers("anything") || Nothing.Covers("messages") || !mc.Covers("contacts") || m.Covers("contacts") {
		t.Error("a category is covered that isn't, or isn't that is")
	}
	if got := Everything.with([]string{"x"}); !got.All || got.Categories != nil {
		t.Errorf("everything and more is %+v", got)
	}
	both := mc.with([]string{"contacts", "images"})
	if both.String() != "messages, contacts, images" || mc.String() != "messages, contacts" {
		t.Errorf("together %s, and it was %s", both, mc)
	}
}

// Fewer bytes stop a job that runs without that limit.
func TestDecisionStricterThan(t *testing.T) {
	free, some, less := Decision{Allowed: Everything}, Decision{Allowed: Everything, MaxUpload: 9}, Decision{Allowed: Everything, MaxUpload: 5}
	for _, x := range []struct {
		a, b Decision
		want bool
	}{
		{free, free, false}, {some, free, true}, {free, some, false}, {less, some, true}, {some, less, false}, {some, some, false},
		{Decision{}, less, true}, {less, Decision{}, false},
	} {
		if got := x.a.StricterThan(x.b); got != x.want {
			t.Errorf("%+v stricter than %+v: %v", x.a, x.b, got)
		}
	}
}
