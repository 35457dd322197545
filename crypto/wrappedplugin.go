package crypto

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// Person is whom a plugin talks to. All texts are the plugin's own, and so may
// hold anything.
type Person struct {
	Tell    func(plugin, message string)
	Ask     func(ctx context.Context, plugin, prompt string, secret bool) (string, error)
	Confirm func(ctx context.Context, plugin, prompt, yes, no string) (bool, error) // no may be empty
	Waiting func(plugin string)                                                     // for a touch, say; called on another goroutine
}

// PluginError: the program age-plugin-NAME is missing or failed. The text may
// be the plugin's, without any key or answer in it.
type PluginError struct {
	Name    string
	Missing bool
	Text    string
}

func (e *PluginError) Error() string { return "age-plugin-" + e.Name + ": " + e.Text }

// PluginName returns the name of the plugin that an identity AGE-PLUGIN-… is
// for, and false if it is none.
func PluginName(identity string) (string, bool) {
	name, _, err := plugin.ParseIdentity(identity)
	return name, err == nil
}

// withPlugins runs one plugin after the other until one opens the file.
func (u *unlocking) withPlugins(stanzas []*age.Stanza) ([]byte, error) {
	if len(u.Plugins) == 0 {
		return nil, ErrNoPlugin
	}
	for _, text := range u.Plugins {
		talk := &conversation{ctx: u.ctx, Person: u.Person}
		id, err := plugin.NewIdentity(text, talk.ui())
		if err != nil {
			return nil, &PluginError{Name: "?", Text: "its identity is malformed"} // the cause could quote it
		}
		key, err := talk.run(id, stanzas)
		if err == nil {
			return key, nil
		}
		if !errors.Is(err, age.ErrIncorrectIdentity) {
			return nil, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// conversation is one run of a plugin.
type conversation struct {
	Person
	ctx context.Context

	mu      sync.Mutex
	answers []string // secret ones, which must not come back in an error
	failed  error    // of a question
}

// run runs the plugin until it ends or ctx does. A plugin that goes on after
// that has lost whom it talks to, and Ctrl-C reaches it as well.
func (c *conversation) run(id *plugin.Identity, stanzas []*age.Stanza) ([]byte, error) {
	type outcome struct {
		key []byte
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		key, err := id.Unwrap(stanzas)
		done <- outcome{key, err}
	}()
	select {
	case o := <-done:
		return o.key, c.explain(id.Name(), o.err)
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
}

// explain turns the plugin's error into one that quotes no secret. What went
// wrong with a question explains the rest.
func (c *conversation) explain(name string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || errors.Is(err, age.ErrIncorrectIdentity) {
		return err
	}
	if c.failed != nil {
		return c.failed
	}
	if _, ok := errors.AsType[*plugin.NotFoundError](err); ok {
		return &PluginError{Name: name, Missing: true, Text: "there is no such program"}
	}
	return &PluginError{Name: name, Text: c.hush(strings.TrimPrefix(err.Error(), name+" plugin: "))}
}

// anyKey matches what age writes secrets as.
var anyKey = regexp.MustCompile(`(?i)age-(plugin|secret-key)-[^\s"']*`)

func (c *conversation) hush(text string) string {
	text = anyKey.ReplaceAllString(text, "AGE-…")
	for _, answer := range c.answers {
		if answer != "" {
			text = strings.ReplaceAll(text, answer, "…")
		}
	}
	return text
}

// ui is the conversation as age wants it.
func (c *conversation) ui() *plugin.ClientUI {
	return &plugin.ClientUI{
		DisplayMessage: func(name, message string) error {
			c.Tell(name, message)
			return nil
		},
		RequestValue: func(name, prompt string, secret bool) (string, error) {
			answer, err := c.Ask(c.ctx, name, prompt, secret)
			if secret {
				c.mu.Lock()
				c.answers = append(c.answers, answer)
				c.mu.Unlock()
			}
			return answer, c.note(err)
		},
		Confirm: func(name, prompt, yes, no string) (bool, error) {
			chosen, err := c.Person.Confirm(c.ctx, name, prompt, yes, no)
			return chosen, c.note(err)
		},
		WaitTimer: c.Waiting,
	}
}

// note remembers why a question was not answered: age only tells the plugin
// that it wasn't.
func (c *conversation) note(err error) error {
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = fmt.Errorf("answer an age plugin: %w", err)
	return err
}
