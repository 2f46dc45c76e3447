package letter

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// first is the name of the first header that [Letter.Headers] adds.
const first = "__connect.errors.topic"

// maxName bounds names. No topic has more than 249 characters, no table of Cassandra
// more than 222.
const maxName = 512

// isCode reports whether s has the form of a code.
func isCode(s string) bool {
	return len(s) == len("CDC-0000") && strings.HasPrefix(s, "CDC-") && strings.Trim(s[4:], "0123456789") == ""
}

// Parse is the inverse of [Letter.Headers]: of a record that holds a letter it
// returns the letter, with the event as it was before. It reports whether the
// letter's value is not the whole of the event's, as header cdcpipe.truncated says.
// The event's time is the record's. Headers may be anybody's: what is no letter is an
// error, and names are of a bounded length.
func Parse(e *cdc.Event) (l Letter, truncated bool, err error) {
	at := -1 // of the letter's own headers, which come last
	for i, h := range e.Headers {
		if h.Key == first {
			at = i
		}
	}
	if at < 0 {
		return Letter{}, false, fmt.Errorf("there is no header %s", first)
	}
	own := map[string]string{}
	for _, h := range e.Headers[at:] {
		own[h.Key] = string(h.Value)
	}
	partition, err := strconv.ParseInt(own["__connect.errors.partition"], 10, 32)
	offset, err2 := strconv.ParseInt(own["__connect.errors.offset"], 10, 64)
	attempts, err3 := strconv.ParseInt(own["cdcpipe.attempts"], 10, 32)
	begun, err4 := time.Parse(time.RFC3339Nano, own["cdcpipe.first_failed_at"])
	ended, err5 := time.Parse(time.RFC3339Nano, own["cdcpipe.last_failed_at"])
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		return Letter{}, false, fmt.Errorf("headers of a letter: %w", err)
	}
	for _, name := range []string{first, "cdcpipe.outlet", "cdcpipe.stage", "cdcpipe.table", "cdcpipe.trace_id"} {
		if n := len(own[name]); n > maxName || n == 0 && name == "cdcpipe.outlet" {
			return Letter{}, false, fmt.Errorf("header %s has %d bytes", name, n)
		}
	}
	if !isCode(own["cdcpipe.error.code"]) {
		return Letter{}, false, errors.New("header cdcpipe.error.code is no code")
	}
	l = Letter{
		Outlet: pipeline.Outlet(own["cdcpipe.outlet"]), Step: own["cdcpipe.stage"], Code: fault.Code(own["cdcpipe.error.code"]),
		Title: own["cdcpipe.error.title"], Detail: own["__connect.errors.exception.message"], Fix: own["cdcpipe.error.fix"],
		Attempts: int(attempts), First: begun, Last: ended, Trace: own["cdcpipe.trace_id"],
		Event: &cdc.Event{
			Topic: own[first], Partition: int32(partition), Offset: offset,
			Key: e.Key, Value: e.Value, Headers: slices.Clip(e.Headers[:at]), Time: e.Time,
		},
	}
	if text := own["cdcpipe.failures"]; text != "" {
		if err := json.Unmarshal([]byte(text), &l.Failures); err != nil {
			return Letter{}, false, fmt.Errorf("header cdcpipe.failures: %w", err)
		}
		for _, f := range l.Failures {
			if !isCode(string(f.Code)) {
				return Letter{}, false, errors.New("header cdcpipe.failures has what is no code")
			}
		}
	}
	l.Keyspace, l.Table = split(own["cdcpipe.table"])
	if w, err := strconv.ParseInt(own["cdcpipe.written"], 10, 64); err == nil {
		l.Late = &Late{Written: w}
		if l.Late.Winner, err = strconv.ParseInt(own["cdcpipe.winner"], 10, 64); err != nil {
			l.Late.Limit = w // refused for its age; the limit itself is not kept
		}
	}
	return l, own["cdcpipe.truncated"] == "true", nil
}

// split parts keyspace.table.
func split(name string) (keyspace, table string) {
	if keyspace, table, ok := strings.Cut(name, "."); ok {
		return keyspace, table
	}
	return "", ""
}
