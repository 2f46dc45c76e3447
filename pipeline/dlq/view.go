package dlq

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// A View is a letter as JSON, for people and programs. Bytes that are not UTF-8 stand
// in base64, under the name with _base64 appended.
type View struct {
	ID          int64            `json:"id"`
	Outlet      pipeline.Outlet  `json:"outlet"`
	State       State            `json:"state"`
	Category    Category         `json:"category"`
	Pipeline    string           `json:"pipeline"`
	Table       string           `json:"table,omitempty"`
	Topic       string           `json:"topic"`
	Partition   int32            `json:"partition"`
	Offset      int64            `json:"offset"`
	Key         *string          `json:"key"`
	KeyBytes    []byte           `json:"key_base64,omitempty"`
	Code        fault.Code       `json:"code"`
	Title       string           `json:"title"`
	Detail      string           `json:"detail"`
	Fix         string           `json:"fix"`
	Step        string           `json:"step"`
	Failures    []letter.Failure `json:"failures"`
	Attempts    int              `json:"attempts"`
	FirstFailed time.Time        `json:"first_failed_at"`
	LastFailed  time.Time        `json:"last_failed_at"`
	Received    time.Time        `json:"received_at"`
	StateAt     *time.Time       `json:"state_at,omitempty"`
	StateBy     string           `json:"state_by,omitempty"`
	Note        string           `json:"note,omitempty"`
	Count       int              `json:"resubmit_count"` // of the event, over all of its letters
	ExportedTo  string           `json:"exported_to,omitempty"`
	Trace       string           `json:"trace_id,omitempty"`

	*Whole
}

// Whole is what a list leaves out.
type Whole struct {
	Record         json.RawMessage `json:"record,omitempty"` // as decoded
	Value          *string         `json:"value"`
	ValueBytes     []byte          `json:"value_base64,omitempty"`
	Corrected      *string         `json:"corrected,omitempty"`
	CorrectedBytes []byte          `json:"corrected_base64,omitempty"`
	Headers        []HeaderView    `json:"headers"`
	History        []Entry         `json:"history,omitempty"`
}

// A HeaderView is a header of the record.
type HeaderView struct {
	Key   string  `json:"key"`
	Value *string `json:"value"`
	Bytes []byte  `json:"value_base64,omitempty"`
}

// View returns l for a list or, whole, with its value and headers and what is given of
// its history.
func (l *Letter) View(whole bool, history ...Entry) View {
	v := View{
		ID: l.ID, Outlet: l.Outlet, State: l.State, Category: CategoryOf(l.Code), Pipeline: l.Pipeline, Table: l.TableName(),
		Topic: l.Event.Topic, Partition: l.Event.Partition, Offset: l.Event.Offset,
		Code: l.Code, Title: l.Title, Detail: l.Detail, Fix: l.Fix, Step: l.Step, Failures: l.Failures, Attempts: l.Attempts,
		FirstFailed: l.FirstFailed.UTC(), LastFailed: l.Failed.UTC(), Received: l.Received.UTC(), StateBy: l.StateBy, Note: l.Note,
		Count: l.Count(), ExportedTo: l.ExportedTo, Trace: l.Trace,
	}
	v.Key, v.KeyBytes = textual(l.Event.Key)
	if !l.StateAt.IsZero() {
		at := l.StateAt.UTC()
		v.StateAt = &at
	}
	if !whole {
		return v
	}
	w := &Whole{Record: l.Record, Headers: []HeaderView{}, History: history}
	w.Value, w.ValueBytes = textual(l.Event.Value)
	w.Corrected, w.CorrectedBytes = textual(l.Corrected)
	for _, h := range l.Event.Headers {
		hv := HeaderView{Key: h.Key}
		hv.Value, hv.Bytes = textual(h.Value)
		w.Headers = append(w.Headers, hv)
	}
	v.Whole = w
	return v
}

func textual(b []byte) (*string, []byte) {
	if b == nil {
		return nil, nil
	}
	if !utf8.Valid(b) {
		return nil, b
	}
	s := string(b)
	return &s, nil
}

// CSVHeader names the columns of [Letter.CSV].
func CSVHeader() []string {
	return []string{"id", "outlet", "state", "category", "pipeline", "table", "topic", "partition", "offset", "key", "code", "title", "detail", "fix", "step", "rule", "column",
		"attempts", "first_failed_at", "last_failed_at", "received_at", "resubmit_count", "note", "record", "value"}
}

// CSV returns l as a row of a table: rule and column are those of the first failure,
// key and value text, or base64 behind "base64:".
func (l *Letter) CSV() []string {
	text := func(b []byte) string {
		s, raw := textual(b)
		switch {
		case s != nil:
			return *s
		case raw == nil:
			return ""
		}
		return "base64:" + base64.StdEncoding.EncodeToString(raw)
	}
	var first letter.Failure
	if len(l.Failures) > 0 {
		first = l.Failures[0]
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	return []string{strconv.FormatInt(l.ID, 10), string(l.Outlet), string(l.State), string(CategoryOf(l.Code)), l.Pipeline, l.TableName(), l.Event.Topic,
		strconv.Itoa(int(l.Event.Partition)), strconv.FormatInt(l.Event.Offset, 10), text(l.Event.Key), string(l.Code), l.Title, l.Detail, l.Fix, l.Step, first.Rule, first.Column,
		strconv.Itoa(l.Attempts), at(l.FirstFailed), at(l.Failed), at(l.Received), strconv.Itoa(l.Count()), l.Note, string(l.Record), text(l.Event.Value)}
}

// exported is what a line of an export says besides the event.
type exported struct {
	ID       int64            `json:"id"`
	Outlet   pipeline.Outlet  `json:"outlet"`
	Pipeline string           `json:"pipeline"`
	State    State            `json:"state"`
	Table    string           `json:"table,omitempty"`
	Step     string           `json:"step"`
	Code     fault.Code       `json:"code"`
	Title    string           `json:"title"`
	Detail   string           `json:"detail"`
	Fix      string           `json:"fix"`
	Failures []letter.Failure `json:"failures"`
	Record   json.RawMessage  `json:"record,omitempty"`
	Received time.Time        `json:"received_at"`
}
