package fakecloud

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// dropboxError is an answer that says what went wrong: a chain of tags, the
// outermost first, or a sentence.
type dropboxError struct {
	status int
	text   string
	tags   []string
	more   map[string]any // beside the innermost tag
	reason []string       // tags in a field of more
	wait   int            // seconds
}

// DropboxError makes an answer as Dropbox gives it, for a [Fault]: a status
// and a body with tags such as "path", "not_found". For 429 it asks to wait a
// second.
func DropboxError(status int, tags ...string) (int, string) {
	e := dropboxError{status: status, tags: tags}
	if status == http.StatusTooManyRequests {
		e.wait = 1
	}
	return status, string(e.body())
}

func noPath(tags ...string) *dropboxError {
	return &dropboxError{status: http.StatusConflict, tags: tags}
}

func badCall(text string) *dropboxError {
	return &dropboxError{status: http.StatusBadRequest, text: text}
}

// nest makes the object that tags stand for: every one but the last is a
// field of its own name. more goes to the innermost.
func nest(tags []string, more map[string]any) map[string]any {
	union := map[string]any{".tag": tags[0]}
	if len(tags) > 1 {
		union[tags[0]] = nest(tags[1:], more)
		return union
	}
	for key, value := range more {
		union[key] = value
	}
	return union
}

func (e *dropboxError) union() map[string]any { return nest(e.tags, e.more) }

func (e *dropboxError) body() []byte {
	inner := e.union()
	if e.status == http.StatusTooManyRequests {
		inner = map[string]any{"reason": inner, "retry_after": e.wait}
	}
	summary := strings.Join(append(e.tags[:len(e.tags):len(e.tags)], e.reason...), "/") + "/..."
	body, err := json.Marshal(map[string]any{"error_summary": summary, "error": inner})
	if err != nil {
		panic(err) // plain values only
	}
	return body
}

func (e *dropboxError) write(w http.ResponseWriter) {
	if e.text != "" {
		dropboxText(w, e.status, "Error in call to API function: "+e.text)
		return
	}
	if e.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.wait))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	w.Write(e.body())
}

func dropboxText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}
