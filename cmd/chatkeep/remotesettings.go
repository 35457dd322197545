package main

import (
	"errors"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers/cloud"
)

// checkRemote looks at the settings that only the service's backend knows. A
// mistake is said with its place in the file.
func checkRemote(cfg *config.Config) error {
	kind := string(cfg.Remote.Type)
	err := cloud.CheckSettings(kind, cfg.Remote.Options)
	if err == nil {
		err = cloud.CheckLimits(kind, limitsOf(cfg.Remote, cfg.Network))
	}
	if mistake, ok := errors.AsType[*cloud.Mistake](err); ok {
		return hint.New(config.CodeBad, cfg.At("remote."+mistake.Path, mistake.Err))
	}
	return err
}

// limitsOf returns what the configuration bounds.
func limitsOf(r config.Remote, n config.Network) cloud.Limits {
	l := cloud.Limits{
		RequestsPerMinute: r.RequestsPerMinute,
		Transfers:         r.Transfers,
		ChunkSize:         int64(r.ChunkSize),
		Upload:            int64(n.Upload),
		Download:          int64(n.Download),
		UploadPerDay:      int64(n.UploadPerDay),
	}
	for _, s := range n.Timetable {
		l.Timetable = append(l.Timetable, cloud.Slot{At: s.At, Upload: int64(s.Upload), Download: int64(s.Download)})
	}
	return l
}
