// Package fakecloud plays Google Drive, OneDrive and Dropbox for tests: the
// unmodified backends and the real program talk to it and nothing leaves this
// computer.
//
// One TLS listener on loopback answers for every host of every service, with
// a certificate minted per name from an authority of its own. One CONNECT
// proxy leads there; any other host it refuses with 502, so a test that asks
// for too much fails instead of reaching somebody. A client is pointed at the
// cloud by [Cloud.Proxy] and [Cloud.CAFile], a process by HTTPS_PROXY and
// SSL_CERT_FILE.
//
// The words: a service answers for some hosts ([Drive], [Graph], [Dropbox]);
// every request has a [Kind], by which tests count ([Cloud.Requests]) and
// break things ([Fault]). Time is the cloud's: tokens die, sessions end and
// listings catch up by its clock, never by sleeping.
//
// What is faked is what clients of ours can tell apart. Where a service is
// known to be strange (listings that lag, names that repeat, a 308 for half a
// chunk), the fake is strange in the same way.
package fakecloud
