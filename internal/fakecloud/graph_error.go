package fakecloud

import (
	"encoding/json"
	"net/http"
	"time"
)

// GraphError makes an answer as Graph gives it, for a [Fault]: the status and
// the body with an error code such as "activityLimitReached".
func GraphError(status int, code, message string) (int, string) {
	return status, string(graphBody(code, "", message, time.Unix(0, 0)))
}

func graphBody(code, inner, message string, now time.Time) []byte {
	detail := map[string]any{
		"date":              now.UTC().Format("2006-01-02T15:04:05"),
		"request-id":        "5b0f1c3a-0000-4000-8000-3c6a5de0fa4e",
		"client-request-id": "5b0f1c3a-0000-4000-8000-3c6a5de0fa4e",
	}
	if inner != "" {
		detail["code"] = inner
	}
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"code": code, "message": message, "innerError": detail,
	}})
	if err != nil {
		panic(err) // strings only
	}
	return body
}

// refusal is why a request was not done.
type refusal struct {
	status  int
	code    string
	inner   string // the more precise code inside of innerError
	message string
	header  map[string]string
}

func (e *refusal) Error() string { return e.code + ": " + e.message }

func refuse(status int, code, message string) *refusal {
	return &refusal{status: status, code: code, message: message}
}

func (e *refusal) because(inner string) *refusal {
	e.inner = inner
	return e
}

var (
	errItemNotFound = refuse(http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	errNameExists   = refuse(http.StatusConflict, "nameAlreadyExists", "An item with the same name already exists under the parent")
	errQuota        = refuse(http.StatusInsufficientStorage, "quotaLimitReached", "Insufficient Space Available").because("insufficientStorage")
	errDenied       = refuse(http.StatusForbidden, "accessDenied", "Access denied")
	errResync       = refuse(http.StatusGone, "resyncRequired", "Resync required. Replace any local items with the server's version (including deletes) if you're sure that the service was up to date with your local changes when you last sync'd. Upload any local changes that the server doesn't know about.").because("resyncChangesApplyDifferences")
)

func errInvalid(message string) *refusal {
	return refuse(http.StatusBadRequest, "invalidRequest", message)
}

func (e *refusal) write(w http.ResponseWriter, now time.Time) {
	for key, value := range e.header {
		w.Header().Set(key, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	w.Write(graphBody(e.code, e.inner, e.message, now))
}
