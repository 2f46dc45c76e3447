package obs

import (
	"context"
	"iter"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// producers returns the first [maxLinks] sampled contexts that records came with, in
// headers as W3C Trace Context has them.
func producers(headers iter.Seq[*pipeline.Header]) (scs []trace.SpanContext) {
	for h := range headers {
		e, ok := h.Origin.(*cdc.Event)
		if !ok || !sampled(headersOf(e.Headers).Get("traceparent")) {
			continue
		}
		sc := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), headersOf(e.Headers)))
		if sc.IsSampled() && !slices.ContainsFunc(scs, sc.Equal) {
			if scs = append(scs, sc); len(scs) == maxLinks {
				break
			}
		}
	}
	return scs
}

// sampled reports whether a traceparent, version-traceid-parentid-flags, has the flag:
// few of many records have, and most need not be parsed.
func sampled(parent string) bool {
	return len(parent) >= 55 && strings.IndexByte("13579bdf", parent[54]) >= 0
}

// headersOf are a record's headers for a propagator to read.
type headersOf []cdc.EventHeader

func (hs headersOf) Get(key string) string {
	for _, h := range hs {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (hs headersOf) Keys() (keys []string) {
	for _, h := range hs {
		keys = append(keys, h.Key)
	}
	return keys
}

// Set does nothing: records are as they were read.
func (headersOf) Set(string, string) {}

// others returns links to the traces of a batch's records but that of batch itself.
func others(headers iter.Seq[*pipeline.Header], batch trace.Span) (links []trace.Link) {
	last := batch.SpanContext()
	for h := range headers {
		b, ok := h.Trace().(*batchTrace)
		if !ok {
			continue
		}
		sc := b.span.SpanContext()
		if sc.SpanID() == last.SpanID() || sc.SpanID() == batch.SpanContext().SpanID() {
			continue
		}
		last = sc
		if !slices.ContainsFunc(links, func(l trace.Link) bool { return l.SpanContext.SpanID() == sc.SpanID() }) {
			if links = append(links, trace.Link{SpanContext: sc}); len(links) == maxLinks {
				break
			}
		}
	}
	return links
}

// rejected returns the codes for which records left.
func rejected(rs []pipeline.Record[pipeline.Reject]) []string {
	return distinct(func(yield func(error) bool) {
		for i := range rs {
			if !yield(rs[i].Value.Cause) {
				return
			}
		}
	})
}

// distinct returns the first [maxCodes] codes of errs.
func distinct(errs iter.Seq[error]) (cs []string) {
	for err := range errs {
		if c := string(fault.CodeOf(err)); !slices.Contains(cs, c) {
			if cs = append(cs, c); len(cs) == maxCodes {
				break
			}
		}
	}
	return cs
}
