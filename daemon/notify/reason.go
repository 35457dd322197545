package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// failed makes the error of a send. The service's own words are never passed
// on, since most of them repeat the address; what they mean is said in ours.
func failed(c Channel, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("notify %s: %w", c, context.Canceled)
	}
	code, reason := reasonOf(err, c.URL)
	return hint.New(code, fmt.Errorf("notify %s: %s", c, reason), "channel", c.Name)
}

// sign tells by a few words of an error what it means.
type sign struct {
	words  []string
	reason string
}

// network are the signs of a service that can't be reached. Some services hand
// errors on as text alone.
var network = []sign{
	{[]string{"no such host", "server misbehaving", "name resolution"}, "the name of its server is not known"},
	{[]string{"connection refused"}, "nobody answers there"},
	{[]string{"certificate", "x509", "tls:"}, "the connection is not safe: its certificate isn't trusted"},
	{[]string{"deadline exceeded", "timeout", "timed out"}, "no answer in time"},
	{[]string{"proxyconnect", "bad gateway", "connection reset", "broken pipe", "unexpected eof", ": eof", "network is unreachable",
		"no route to host", "malformed http", "dial tcp", "server gave http response"}, "the connection broke"},
}

// reasonOf says what an error means, in words of ours.
func reasonOf(err error, address string) (hint.Code, string) {
	if errors.Is(err, errStuck) {
		return CodeUnreachable, err.Error()
	}
	status := 0
	var answer jsonclient.Error
	if errors.As(err, &answer) {
		status = answer.StatusCode
	}
	text := strings.ToLower(err.Error())
	if status == 0 {
		status = number(text, address)
	}
	for _, s := range network {
		if slices.ContainsFunc(s.words, func(w string) bool { return strings.Contains(text, w) }) {
			return CodeUnreachable, s.reason
		}
	}
	switch {
	case status == 0:
		return CodeRefused, "the service did not take it"
	case status < 600 && http.StatusText(status) != "":
		return CodeRefused, fmt.Sprintf("the service said %d %s", status, http.StatusText(status))
	}
	return CodeRefused, fmt.Sprintf("the service said %d", status)
}

// stated are the places in the services' errors where a number stands that
// says what was wrong.
var stated = regexp.MustCompile(`(?:status(?: code)?|error code|http|failed|rejected)[: "]*(\d{3,6})\b`)

// number finds what a service said, unless that is a part of the address.
func number(text, address string) int {
	for _, found := range stated.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(found[1])
		if err == nil && !strings.Contains(address, found[1]) {
			return n
		}
	}
	return 0
}
