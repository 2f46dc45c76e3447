package dlq

import (
	"strconv"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// A State says what became of a letter.
type State string

// The states of a letter.
const (
	Open        State = "open"        // nobody has dealt with it
	Resubmitted State = "resubmitted" // it was sent through the pipeline again
	Archived    State = "archived"    // it is kept, and nothing is to be done
	Discarded   State = "discarded"   // somebody decided that it is of no use
)

// States lists the states.
func States() []State { return []State{Open, Resubmitted, Archived, Discarded} }

// A Letter is a row of one of the tables of letters.
type Letter struct {
	ID       int64
	Outlet   pipeline.Outlet // whose table it is in
	Pipeline string
	Received time.Time

	State   State
	StateAt time.Time // zero while it was never changed
	StateBy string
	Note    string

	// Keyspace and Table name the table that it is of; empty if that is not known.
	Keyspace, Table string

	Code                fault.Code // of the first failure
	Title, Detail, Fix  string
	Step                string // that rejected it
	Failures            []letter.Failure
	Attempts            int
	FirstFailed, Failed time.Time
	Record              []byte // the decoded change as JSON, nil if there is none
	Trace               string

	// Event is the record as it was read, byte for byte.
	Event cdc.Event

	Corrected     []byte // the value that was resubmitted instead; nil if none was
	Resubmissions int    // how often the letter was sent
	ExportedTo    string
	Due           time.Time // when the processor looks at it next; zero if never
}

// TableName returns keyspace.table, or nothing if it is not known.
func (l *Letter) TableName() string {
	if l.Table == "" {
		return ""
	}
	return l.Keyspace + "." + l.Table
}

// Headers that tell of the events that were sent again.
const (
	HeaderCount     = "cdcpipe.resubmit_count"   // how often, this time included
	HeaderFrom      = "cdcpipe.resubmitted_from" // outlet/id of the letter
	HeaderCorrected = "cdcpipe.corrected"        // true if its value is not the original's
)

// Count returns how often the letter's event had been sent again when it became this
// letter. It is what the event's header says, so it counts on from letter to letter.
func (l *Letter) Count() int {
	n := 0
	for _, h := range l.Event.Headers {
		if h.Key == HeaderCount {
			if c, err := strconv.Atoi(string(h.Value)); err == nil {
				n = max(n, c)
			}
		}
	}
	return n
}

// Truncated reports whether the value is only the beginning of the event's.
func (l *Letter) Truncated() bool {
	for _, h := range l.Event.Headers {
		if h.Key == headerTruncated {
			return true
		}
	}
	return false
}

// headerTruncated is added to a letter that a topic holds only the beginning of.
const headerTruncated = "cdcpipe.truncated"

// Again returns the event that is sent for the letter: value, or the original one if
// that is nil. Its time is that of sending, since a topic may drop what is old.
func (l *Letter) Again(value []byte) *cdc.Event {
	e := &cdc.Event{Topic: l.Event.Topic, Partition: l.Event.Partition, Offset: l.Event.Offset, Key: l.Event.Key, Value: l.Event.Value}
	add := func(key, value string) {
		e.Headers = append(e.Headers, cdc.EventHeader{Key: key, Value: []byte(value)})
	}
	corrected := value != nil
	for _, h := range l.Event.Headers {
		switch h.Key {
		case HeaderCount, HeaderFrom:
		case HeaderCorrected:
			corrected = true // and stays so
		default:
			e.Headers = append(e.Headers, h)
		}
	}
	add(HeaderCount, strconv.Itoa(l.Count()+1))
	add(HeaderFrom, string(l.Outlet)+"/"+strconv.FormatInt(l.ID, 10))
	if corrected {
		add(HeaderCorrected, "true")
	}
	if value != nil {
		e.Value = value
	}
	return e
}
