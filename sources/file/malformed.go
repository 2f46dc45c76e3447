package file

import (
	"bytes"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// malformedHeader is the one header of an event that stands for a line which is
// none. It says what is wrong with it.
const malformedHeader = "cdcpipe.replay.malformed"

// malformed returns what becomes of a line that is not an event.
func (s *Source) malformed(f *part, text []byte, cause error) (*cdc.Event, error) {
	err := fault.New(fault.ReplayMalformed, "%s:%d: %w", f.path, s.open.number, cause)
	if s.cfg.Malformed == fail {
		return nil, err
	}
	return &cdc.Event{
		Topic: f.path, Offset: s.open.number, Value: bytes.Clone(text),
		Headers: []cdc.EventHeader{{Key: malformedHeader, Value: []byte(err.Err.Error())}},
	}, nil
}

// Malformed sends lines that are not events to the dead letters. It must judge
// the records of a source whose Config.Malformed is dead_letter before anything
// else sees them, and does no harm to others.
var Malformed pipeline.Judge = judge{}

type judge struct{}

// Outlets returns dead_letter.
func (judge) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.DeadLetter} }

func (judge) Judge(h *pipeline.Header) error {
	e, ok := h.Origin.(*cdc.Event)
	if !ok || len(e.Headers) != 1 || e.Headers[0].Key != malformedHeader {
		return nil
	}
	return pipeline.Permanent(fault.New(fault.ReplayMalformed, "%s", e.Headers[0].Value))
}
