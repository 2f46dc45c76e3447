package dlq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// DefaultMaxReplays is how often an event is sent again unless told otherwise.
const DefaultMaxReplays = 5

// A Resubmitter sends letters through the pipeline again.
type Resubmitter struct {
	Store *Store

	// Events writes to Kafka. Its Write returns once the brokers have the events.
	Events pipeline.Sink[*cdc.Event]

	// Actor is who does so, for the audit.
	Actor string

	// MaxReplays is how often an event is sent at most; defaults to
	// [DefaultMaxReplays].
	MaxReplays int
}

// A Refusal says why a letter was not sent.
type Refusal struct {
	ID  int64
	Err error
}

// Refuse says why a letter cannot be sent, or returns nil. Nothing is asked of
// anybody.
func (r *Resubmitter) Refuse(l *Letter, value []byte) error {
	limit := r.MaxReplays
	if limit == 0 {
		limit = DefaultMaxReplays
	}
	switch n := l.Count(); {
	case n >= limit:
		return fault.New(fault.ReplayLimit, "letter %d: its event was sent again %d times, and came back", l.ID, n)
	case l.Truncated() && value == nil:
		return fault.New(fault.LetterRefused, "letter %d: its topic took the beginning of the value only; the record stands at %s/%d offset %d", l.ID, l.Event.Topic, l.Event.Partition, l.Event.Offset)
	case l.Event.Topic == "":
		return fault.New(fault.LetterRefused, "letter %d: it is of no event of a topic", l.ID)
	}
	return nil
}

// A Sending is a letter that is to be sent, with a corrected value or nil, and what the
// audit is to say of it besides, which may be nil.
type Sending struct {
	Letter *Letter
	Value  []byte
	Detail map[string]any
}

// Send sends letters, and marks them once the brokers have them. Those that it refuses
// it returns, unchanged, and sends the others. An error says nothing about any of
// them: all may be sent again.
func (r *Resubmitter) Send(ctx context.Context, ss ...Sending) (refused []Refusal, err error) {
	b := pipeline.NewBatch[*cdc.Event](len(ss))
	var sent []Sending
	for _, s := range ss {
		if err := r.Refuse(s.Letter, s.Value); err != nil {
			refused = append(refused, Refusal{s.Letter.ID, err})
			continue
		}
		e := s.Letter.Again(s.Value)
		b.Append(pipeline.Header{Partition: pipeline.Partition(s.Letter.Outlet), Offset: int64(len(sent)) + 1, Size: e.Size(), Origin: e}, e)
		sent = append(sent, s)
	}
	if len(sent) == 0 {
		return refused, nil
	}
	err = r.Events.Write(ctx, b.Records)
	bad := map[int]error{}
	if f, ok := errors.AsType[*pipeline.Failures](err); ok {
		for i, at := range f.Index {
			bad[at] = f.Errs[i]
		}
	} else if err != nil {
		return refused, fmt.Errorf("send letters again: %w", err)
	}
	marks := map[pipeline.Outlet][]Change{}
	for i, s := range sent {
		if err := bad[i]; err != nil {
			refused = append(refused, Refusal{s.Letter.ID, err})
			continue
		}
		detail := map[string]any{"topic": s.Letter.Event.Topic, "count": s.Letter.Count() + 1}
		maps.Copy(detail, s.Detail)
		if s.Value != nil {
			detail["sha256_before"], detail["sha256_after"] = sum(s.Letter.Event.Value), sum(s.Value)
		}
		marks[s.Letter.Outlet] = append(marks[s.Letter.Outlet], Change{ID: s.Letter.ID, State: Resubmitted, Sent: true, Value: s.Value, Detail: detail})
	}
	for o, cs := range marks {
		if err := r.Store.Mark(ctx, o, r.Actor, "resubmit", cs...); err != nil {
			return refused, err
		}
	}
	return refused, nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
