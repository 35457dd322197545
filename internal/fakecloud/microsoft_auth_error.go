package fakecloud

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// aadError is an answer of Microsoft's sign-in: the error tells programs what
// happened, the text tells people.
type aadError struct {
	status   int
	err      string
	text     string
	suberror string
}

// What goes wrong at sign-in, by code.
var aadErrors = map[string]aadError{
	"AADSTS700082":  {400, "invalid_grant", "The refresh token has expired due to inactivity. The token was issued on 2026-01-01T00:00:00.0000000Z and was inactive for 90.00:00:00.", ""},
	"AADSTS50173":   {400, "invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.", "bad_token"},
	"AADSTS50076":   {400, "interaction_required", "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.", "basic_action"},
	"AADSTS70000":   {400, "invalid_grant", "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid.", ""},
	"AADSTS70008":   {400, "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.", ""},
	"AADSTS54005":   {400, "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.", ""},
	"AADSTS501481":  {400, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request.", ""},
	"AADSTS500112":  {400, "invalid_client", "The reply address does not match the reply address provided when requesting Authorization code.", ""},
	"AADSTS9002325": {400, "invalid_request", "Proof Key for Code Exchange is required for cross-origin authorization code redemption.", ""},
	"AADSTS700016":  {400, "unauthorized_client", "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", ""},
	"AADSTS700025":  {401, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.", ""},
	"AADSTS7000218": {401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", ""},
	"AADSTS7000215": {401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.", ""},
	"AADSTS900144":  {400, "invalid_request", "The request body must contain the following parameter: 'client_id'.", ""},
	"AADSTS70003":   {400, "unsupported_grant_type", "The app requested an unsupported grant type.", ""},
	"AADSTS90002":   {400, "invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", ""},
	"AADSTS50020":   {400, "invalid_grant", "User account from the identity provider does not exist in the tenant and cannot access the application in that tenant.", ""},
	"AADSTS50011":   {400, "invalid_request", "The redirect URI specified in the request does not match the redirect URIs configured for the application.", ""},
	"AADSTS70016":   {400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling.", ""},
	"AADSTS70018":   {400, "bad_verification_code", "Invalid verification code due to User typing in wrong user code for device code flow.", ""},
	"AADSTS70020":   {400, "expired_token", "The provided value for the input parameter 'device_code' is not valid. This device code has expired.", ""},
	"AADSTS65004":   {400, "authorization_declined", "User declined to consent to access the app.", ""},
}

// aadFail answers with the error of a code.
func (g *Graph) aadFail(w http.ResponseWriter, code string) {
	e, known := aadErrors[code]
	if !known {
		panic("fakecloud: no such sign-in error: " + code)
	}
	number, err := strconv.Atoi(strings.TrimPrefix(code, "AADSTS"))
	if err != nil {
		panic(err)
	}
	at := g.now().UTC().Format("2006-01-02 15:04:05Z")
	trace, correlation := guid("trace"), guid("correlation")
	body := map[string]any{
		"error": e.err,
		"error_description": fmt.Sprintf("%s: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			code, e.text, trace, correlation, at),
		"error_codes": []int{number}, "timestamp": at, "trace_id": trace, "correlation_id": correlation,
		"error_uri": "https://login.microsoftonline.com/error?code=" + strconv.Itoa(number),
	}
	if e.suberror != "" {
		body["suberror"] = e.suberror
	}
	writeJSON(w, e.status, body)
}
