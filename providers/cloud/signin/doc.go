// Package signin gets a sign-in to a kind of service from a person: by the
// browser of this computer, by an address pasted from another device, by a
// short code, from a section of an rclone.conf, from a pasted token, or by name
// and password. What it gets, it hands to a [cloud.SignIn], and only after a
// call with it succeeded.
//
// It asks and tells by keys; the words are its caller's. A new service is one
// entry in services.
package signin
