package fakecloud

import (
	"errors"
	"net/http"
	"strings"
)

// A driveError is an error as Drive words it.
type driveError struct {
	code            int
	reason, message string
	location        string
}

func (e *driveError) Error() string { return e.reason + ": " + e.message }

func driveErr(code int, reason, message string) error {
	return &driveError{code: code, reason: reason, message: message}
}

func driveInvalid(parameter string) error {
	return &driveError{400, "invalid", "Invalid Value", parameter}
}

func driveNotFound(id string) error {
	return &driveError{404, "notFound", "File not found: " + id + ".", "fileId"}
}

func writeDriveError(w http.ResponseWriter, err error) {
	var e *driveError
	if !errors.As(err, &e) {
		e = &driveError{code: 500, reason: "backendError", message: err.Error()}
	}
	writeJSON(w, e.code, e.body())
}

// DriveError returns what Drive answers for a reason, for a [Fault].
func DriveError(code int, reason, message string) (status int, body string) {
	return code, jsonText((&driveError{code: code, reason: reason, message: message}).body())
}

func (e *driveError) body() map[string]any {
	one := map[string]any{"domain": "global", "reason": e.reason, "message": e.message}
	if strings.HasSuffix(e.reason, "LimitExceeded") || e.reason == "quotaExceeded" {
		one["domain"] = "usageLimits"
	}
	if e.location != "" {
		one["location"], one["locationType"] = e.location, "parameter"
	}
	all := map[string]any{"code": e.code, "message": e.message, "errors": []any{one}}
	if status := googleStatus[e.code]; status != "" {
		all["status"] = status
	}
	if e.code == http.StatusUnauthorized {
		one["location"], one["locationType"] = "Authorization", "header"
	}
	return map[string]any{"error": all}
}

var googleStatus = map[int]string{
	401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE",
}
