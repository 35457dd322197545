// Package systemd holds the units that run chatkeep as a service: one for the
// user's own manager and a template for the system's, chatkeep@USER.
package systemd
