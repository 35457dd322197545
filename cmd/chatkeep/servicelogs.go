package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
)

type logsFlags struct {
	serviceForm
	follow bool
	since  string
}

func (a *app) serviceLogsCommand() *cobra.Command {
	var f logsFlags
	c := &cobra.Command{
		Use: "logs", Short: a.say("cmd.service.logs"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.serviceLogs(c.Context(), thisComputer(), f) },
	}
	f.flags(a, c)
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, a.say("flag.service_follow"))
	c.Flags().StringVar(&f.since, "since", "", a.say("flag.service_since"))
	return c
}

// lastLines is how many lines are shown if it is not said since when.
const lastLines = 200

// serviceLogs shows what the service wrote to the journal.
func (a *app) serviceLogs(ctx context.Context, on machine, f logsFlags) error {
	switch {
	case f.system != (f.user != ""):
		return usageError(errors.New(a.say("usage.service_form")))
	case f.follow && a.json:
		return usageError(errors.New(a.say("usage.service_follow")))
	case on.os != "linux":
		return hint.New("service_unsupported", fmt.Errorf("read the journal: this is %s", on.os))
	case !on.booted():
		return hint.New("service_no_systemd", errors.New("read the journal: /run/systemd/system is not there"))
	}
	args := f.journalctl()
	if a.json {
		out, err := on.run(ctx, nil, nil, "journalctl", append(args, "--output=json")...)
		if err != nil {
			return err
		}
		list, err := logLines(out)
		if err != nil {
			return err
		}
		return a.document(list)
	}
	cmd := exec.CommandContext(ctx, "journalctl", append(args, "--output=short-iso")...)
	cmd.Stdout, cmd.Stderr = a.out, a.notes
	err := cmd.Run()
	if f.follow && ctx.Err() != nil {
		return nil // that is how following ends
	}
	if err != nil {
		return fmt.Errorf("run journalctl: %w", err)
	}
	return nil
}

// journalctl is what to ask the journal for. A user unit is asked for by its own
// field, so that it is found in whatever file of the journal it is.
func (f logsFlags) journalctl() []string {
	args := []string{"--no-pager", "--quiet"}
	if f.system {
		args = append(args, "--unit=chatkeep@"+f.user+".service")
	} else {
		args = append(args, "--user-unit=chatkeep.service")
	}
	if f.since != "" {
		args = append(args, "--since="+f.since)
	} else {
		args = append(args, "--lines="+strconv.Itoa(lastLines))
	}
	if f.follow {
		args = append(args, "--follow")
	}
	return args
}

// logLine is a line of the journal in JSON.
type logLine struct {
	Time  string `json:"time"`
	Level int    `json:"level"` // as in syslog: 3 is an error, 4 a warning, 6 a remark
	Text  string `json:"text"`
}

// logLines reads what journalctl writes: a document a line. A text that is not
// UTF-8 is a list of its bytes there.
func logLines(out []byte) ([]logLine, error) {
	list := []logLine{}
	for line := range bytes.Lines(out) {
		var e struct {
			Time  string          `json:"__REALTIME_TIMESTAMP"`
			Level string          `json:"PRIORITY"`
			Text  json.RawMessage `json:"MESSAGE"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		l := logLine{Level: 6}
		if us, err := strconv.ParseInt(e.Time, 10, 64); err == nil {
			l.Time = stamp(us * int64(time.Microsecond))
		}
		if n, err := strconv.Atoi(e.Level); err == nil {
			l.Level = n
		}
		var text string
		var raw []int
		if json.Unmarshal(e.Text, &text) == nil {
			l.Text = text
		} else if json.Unmarshal(e.Text, &raw) == nil {
			b := make([]byte, len(raw))
			for i, n := range raw {
				b[i] = byte(n)
			}
			l.Text = escape(string(b))
		}
		list = append(list, l)
	}
	return list, nil
}
