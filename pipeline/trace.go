package pipeline

import "context"

// A Trace follows a source batch through the pipeline, and what is derived of it.
// Its methods are called by several goroutines at a time.
type Trace interface {
	// ID names the trace, in letters for one.
	ID() string

	// Context returns a context like ctx that belongs to the trace.
	Context(ctx context.Context) context.Context

	// Settled is called when the last record derived from the batch has settled,
	// and never if it is abandoned.
	Settled()
}

// Trace returns what Hooks.Admit made of the source batch that the record is of; of
// a merged record, of one of them. It is nil if nothing follows that batch.
func (h *Header) Trace() Trace {
	if h == nil || h.ticket == nil {
		return nil
	}
	return h.ticket.trace
}

// traced returns the context of a batch: that of the first trace which follows any
// of recs, or ctx.
func traced[T any](ctx context.Context, s *step, recs []Record[T]) context.Context {
	if s.p.cfg.Hooks.Admit == nil {
		return ctx
	}
	for i := range recs {
		if t := recs[i].Trace(); t != nil {
			return t.Context(ctx)
		}
	}
	return ctx
}
