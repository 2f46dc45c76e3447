package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"cdcpipe/pipeline/letter"
)

// letterColumns are letters column by column.
type letterColumns struct {
	topic, code, title, detail, fix, step []string
	keyspace, table, trace, record        []*string
	partition, attempts                   []int32
	offset                                []int64
	written, winner                       []*int64
	key, value                            [][]byte
	headers, failures                     []string
	recorded                              []*time.Time
	first, last                           []time.Time
}

func (c *letterColumns) add(l *letter.Letter) error {
	e := l.Event
	headers := make([][2]any, len(e.Headers)) // name and value, which JSON has in base64
	for i, h := range e.Headers {
		headers[i] = [2]any{plain(h.Key), h.Value}
	}
	rawHeaders, err := json.Marshal(headers)
	if err != nil {
		return fmt.Errorf("write headers as JSON: %w", err)
	}
	failures, err := json.Marshal(l.Failures)
	if err != nil {
		return fmt.Errorf("write failures as JSON: %w", err)
	}
	var recorded *time.Time
	if !e.Time.IsZero() {
		recorded = &e.Time
	}
	c.topic, c.partition, c.offset = append(c.topic, plain(e.Topic)), append(c.partition, e.Partition), append(c.offset, e.Offset)
	c.key, c.value, c.headers = append(c.key, e.Key), append(c.value, e.Value), append(c.headers, string(rawHeaders))
	c.recorded = append(c.recorded, recorded)
	c.keyspace, c.table, c.trace = append(c.keyspace, some(l.Keyspace)), append(c.table, some(l.Table)), append(c.trace, some(l.Trace))
	c.addRecord(l)
	c.code, c.title, c.detail = append(c.code, plain(string(l.Code))), append(c.title, plain(l.Title)), append(c.detail, plain(l.Detail))
	c.fix, c.step, c.failures = append(c.fix, plain(l.Fix)), append(c.step, plain(l.Step)), append(c.failures, string(storable(nil, failures)))
	c.attempts, c.first, c.last = append(c.attempts, int32(l.Attempts)), append(c.first, l.First), append(c.last, l.Last)
	return nil
}

// maxRecord is the size of a decoded record beyond which a letter has none; the
// bytes that it was decoded from are kept whatever their size.
const maxRecord = 4 << 20

func (c *letterColumns) addRecord(l *letter.Letter) {
	var record *string
	var written, winner *int64
	if l.Change != nil {
		written = &l.Change.Time
		if l.Event.Size() <= maxRecord {
			if b := storable(nil, letter.AppendRecord(nil, l.Change)); len(b) <= maxRecord {
				record = some(string(b))
			}
		}
	}
	if l.Late != nil {
		written = &l.Late.Written
		if l.Late.Limit == 0 {
			winner = &l.Late.Winner
		}
	}
	c.record, c.written, c.winner = append(c.record, record), append(c.written, written), append(c.winner, winner)
}

// failureColumns are failures column by column.
type failureColumns struct {
	outlet, step, topic, code, detail []string
	keyspace, table, rule, column     []*string
	partition, nr, attempts           []int32
	offset                            []int64
	at                                []time.Time
}

func (c *failureColumns) add(l *letter.Letter) {
	for i, f := range l.Failures {
		c.at = append(c.at, l.Last)
		c.outlet, c.step, c.topic = append(c.outlet, plain(string(l.Outlet))), append(c.step, plain(l.Step)), append(c.topic, plain(l.Event.Topic))
		c.partition, c.offset, c.nr = append(c.partition, l.Event.Partition), append(c.offset, l.Event.Offset), append(c.nr, int32(i))
		c.keyspace, c.table = append(c.keyspace, some(l.Keyspace)), append(c.table, some(l.Table))
		c.code, c.rule, c.column = append(c.code, plain(string(f.Code))), append(c.rule, some(f.Rule)), append(c.column, some(f.Column))
		c.detail, c.attempts = append(c.detail, plain(f.Detail)), append(c.attempts, int32(l.Attempts))
	}
}

// plain returns s as text that PostgreSQL can hold.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// some returns s as a column has it, NULL if it is empty.
func some(s string) *string {
	if s == "" {
		return nil
	}
	s = plain(s)
	return &s
}

// maxNumber is the length of a number beyond which jsonb is given it as text: its
// numbers are of type numeric, which has an end.
const maxNumber = 300

// storable appends the JSON text to b in a form that jsonb takes: without U+0000,
// and with numbers that numeric might not hold as strings.
func storable(b, text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			n := 1
			for text[i+n] != '"' {
				if text[i+n] == '\\' {
					n++
				}
				n++
			}
			b = appendString(b, text[i:i+n+1])
			i += n + 1
		case c == '-' || c >= '0' && c <= '9':
			n := bytes.IndexAny(text[i:], ",]} \n")
			if n < 0 {
				n = len(text) - i
			}
			if num := text[i : i+n]; n > maxNumber || bytes.ContainsAny(num, "eE") {
				b = append(append(append(b, '"'), num...), '"')
			} else {
				b = append(b, num...)
			}
			i += n
		default:
			b = append(b, c)
			i++
		}
	}
	return b
}

// appendString appends a string of JSON, quotes and all, with U+FFFD for U+0000.
func appendString(b, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b = append(b, s[i])
		case bytes.HasPrefix(s[i:], []byte(`\u0000`)):
			b = utf8.AppendRune(b, utf8.RuneError)
			i += 5
		default:
			b = append(b, s[i], s[i+1])
			i++
		}
	}
	return b
}
