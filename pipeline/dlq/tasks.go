package dlq

import (
	"context"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// Write sends the letters of tasks: Resubmitter is a sink. What it refuses is archived,
// and the note says why, but for what somebody else has dealt with.
func (r *Resubmitter) Write(ctx context.Context, recs []pipeline.Record[Task]) error {
	ss, byID := make([]Sending, len(recs)), map[int64]*Letter{}
	for i, rec := range recs {
		ss[i] = Sending{Letter: rec.Value.Letter}
		byID[rec.Value.Letter.ID] = rec.Value.Letter
	}
	refused, err := r.Send(ctx, ss...)
	if err != nil {
		return err
	}
	shelved := map[pipeline.Outlet][]Change{}
	for _, no := range refused {
		if fault.Is(no.Err, fault.LetterChanged) {
			continue // if it is still open, it is due again when its lease ends
		}
		o := byID[no.ID].Outlet
		shelved[o] = append(shelved[o], Change{ID: no.ID, State: Archived, Note: no.Err.Error(), If: Open})
	}
	for o, cs := range shelved {
		if err := r.Store.Mark(ctx, o, r.Actor, "archive", cs...); err != nil {
			return err
		}
	}
	return nil
}

// Outlets returns none.
func (*Resubmitter) Outlets() []pipeline.Outlet { return nil }

// A Shelver is the sink of letters that are archived or wait: it writes to their table
// alone.
type Shelver struct {
	Store *Store
	Actor string
}

// Write does what the tasks say.
func (s *Shelver) Write(ctx context.Context, recs []pipeline.Record[Task]) error {
	shelved, later := map[pipeline.Outlet][]Change{}, map[pipeline.Outlet]map[int64]time.Time{}
	for _, r := range recs {
		t := r.Value
		o := t.Letter.Outlet
		switch t.Do {
		case Shelf:
			shelved[o] = append(shelved[o], Change{ID: t.Letter.ID, State: Archived, Note: t.Note, If: Open})
		case Later:
			if later[o] == nil {
				later[o] = map[int64]time.Time{}
			}
			later[o][t.Letter.ID] = t.Until
		case Send, Files: // of other sinks
		}
	}
	for o, cs := range shelved {
		if err := s.Store.Mark(ctx, o, s.Actor, "archive", cs...); err != nil {
			return err
		}
	}
	for o, until := range later {
		if err := s.Store.Postpone(ctx, o, until); err != nil {
			return err
		}
	}
	return nil
}

// Outlets returns none.
func (*Shelver) Outlets() []pipeline.Outlet { return nil }
