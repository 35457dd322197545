// Package repo keeps snapshots in a repository: all the objects on a remote
// that belong together.
//
// Words: a chunk is a piece of a file, named by its content; a pack holds many
// chunks in one object; an index says which pack holds which chunk; a snapshot
// is one point in time of one device. FORMAT.md beside this file says what
// each byte on the remote means.
//
// A [Repo] is opened by a device, from its state folder, or with the recovery
// key alone. A [Writer] stores chunks and publishes a snapshot; a [Reader]
// brings chunks back; [Repo.Check] proves what is there. Nothing a remote says
// is believed without proof: what is missing, altered, forged or older than
// what this device has seen becomes an [Alarm].
//
// The package knows nothing of chat apps, folders to back up, configuration or
// of any concrete provider.
package repo
