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

	// Discarded is whether letters are sent that were discarded. They are refused
	// otherwise.
	Discarded bool
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
	case l.State == Discarded && !r.Discarded:
		return fault.New(fault.LetterRefused, "letter %d: it was discarded by %s (%s); who means it names the state discarded", l.ID, l.StateBy, l.Note)
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
// it returns, unchanged, and sends the others. It refuses also what somebody else has
// dealt with since it was read: of several who send the same letter at once, one does.
// An error says nothing about any of them: all may be sent again.
func (r *Resubmitter) Send(ctx context.Context, ss ...Sending) (refused []Refusal, err error) {
	byOutlet := map[pipeline.Outlet][]Sending{}
	for _, s := range ss {
		if err := r.Refuse(s.Letter, s.Value); err != nil {
			refused = append(refused, Refusal{s.Letter.ID, err})
			continue
		}
		byOutlet[s.Letter.Outlet] = append(byOutlet[s.Letter.Outlet], s)
	}
	for o, ss := range byOutlet {
		more, err := r.send(ctx, o, ss)
		if refused = append(refused, more...); err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// send sends letters of one outlet. It holds their rows meanwhile, so that nobody else
// sends, discards or purges them.
func (r *Resubmitter) send(ctx context.Context, o pipeline.Outlet, ss []Sending) (refused []Refusal, err error) {
	tx, err := r.Store.pool.Begin(ctx)
	if err != nil {
		return nil, failed("resubmit letters", o, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing, if it was committed
	ls := make([]*Letter, len(ss))
	for i, s := range ss {
		ls[i] = s.Letter
	}
	held, err := r.Store.hold(ctx, tx, o, ls)
	if err != nil {
		return nil, failed("resubmit letters", o, err)
	}
	b := pipeline.NewBatch[*cdc.Event](len(ss))
	var sent []Sending
	for _, s := range ss {
		if !held[s.Letter.ID] {
			refused = append(refused, Refusal{s.Letter.ID, fault.New(fault.LetterChanged, "letter %d: somebody else has dealt with it meanwhile, or is sending it", s.Letter.ID)})
			continue
		}
		e := s.Letter.Again(s.Value)
		b.Append(pipeline.Header{Partition: pipeline.Partition(o), Offset: int64(len(sent)) + 1, Size: e.Size(), Origin: e}, e)
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
	var marks []Change
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
		marks = append(marks, Change{ID: s.Letter.ID, State: Resubmitted, Sent: true, Value: s.Value, Detail: detail})
	}
	if err := r.Store.mark(ctx, tx, o, r.Actor, "resubmit", marks...); err != nil {
		return refused, failed("resubmit letters", o, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return refused, failed("resubmit letters", o, err)
	}
	return refused, nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
