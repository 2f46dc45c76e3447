package letter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"cdcpipe/pipeline/cdc"
)

// Headers returns l as headers for the copy of its record: those of Kafka
// Connect's dead letters under its names (KIP-298, DeadLetterQueueReporter), so
// that tools which know them work, and cdcpipe's own. The record's own headers
// come first, unchanged; of a name that is there already the last one counts, as
// with Connect.
func (l *Letter) Headers() []cdc.EventHeader {
	hs := append(make([]cdc.EventHeader, 0, len(l.Event.Headers)+24), l.Event.Headers...)
	add := func(key, value string) { hs = append(hs, cdc.EventHeader{Key: key, Value: []byte(value)}) }
	some := func(key, value string) {
		if value != "" {
			add(key, value)
		}
	}
	add("__connect.errors.topic", l.Event.Topic)
	add("__connect.errors.partition", strconv.Itoa(int(l.Event.Partition)))
	add("__connect.errors.offset", strconv.FormatInt(l.Event.Offset, 10))
	add("__connect.errors.connector.name", "cdcpipe")
	add("__connect.errors.task.id", "0")
	add("__connect.errors.stage", l.Step)
	add("__connect.errors.class.name", "cdcpipe."+l.Step)
	add("__connect.errors.exception.class.name", string(l.Code))
	add("__connect.errors.exception.message", l.Detail)
	add("__connect.errors.exception.stacktrace", l.stack())
	add("cdcpipe.error.code", string(l.Code))
	add("cdcpipe.error.title", l.Title)
	add("cdcpipe.error.fix", l.Fix)
	add("cdcpipe.outlet", string(l.Outlet))
	add("cdcpipe.stage", l.Step)
	some("cdcpipe.table", l.TableName())
	if all, err := json.Marshal(l.Failures); err == nil {
		add("cdcpipe.failures", string(all))
	}
	add("cdcpipe.attempts", strconv.Itoa(l.Attempts))
	add("cdcpipe.first_failed_at", l.First.UTC().Format(time.RFC3339Nano))
	add("cdcpipe.last_failed_at", l.Last.UTC().Format(time.RFC3339Nano))
	some("cdcpipe.trace_id", l.Trace)
	if l.Late != nil {
		add("cdcpipe.written", strconv.FormatInt(l.Late.Written, 10))
		if l.Late.Limit == 0 {
			add("cdcpipe.winner", strconv.FormatInt(l.Late.Winner, 10))
		}
	}
	return hs
}

// stack is what stands for a stack trace: a line for each failure.
func (l *Letter) stack() string {
	lines := make([]string, len(l.Failures))
	for i, f := range l.Failures {
		lines[i] = string(f.Code) + " " + f.Detail
	}
	return strings.Join(lines, "\n")
}
