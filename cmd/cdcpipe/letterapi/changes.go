package letterapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

// A Correction is what is to be sent instead of the record's value: some columns, or
// all of it, or neither.
type Correction struct {
	Columns    map[string]json.RawMessage `json:"columns,omitempty" doc:"Values by column, in the event's notation; null deletes"`
	Value      json.RawMessage            `json:"value,omitempty" doc:"The whole value: the event, as an object or as text"`
	MaxReplays int                        `json:"max_replays,omitempty" minimum:"1" maximum:"1000" doc:"Refuse a record that was sent again so often; 5 if not given"`
}

type resubmitInput struct {
	ID   int64       `path:"id" minimum:"1" doc:"Number of the letter"`
	Body *Correction `required:"false"`
}

type replayInput struct {
	Body struct {
		Selection
		After      int64 `json:"after,omitempty" minimum:"0" doc:"after of the result before: what it refused is still there"`
		Limit      int   `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"1000 if not given"`
		MaxReplays int   `json:"max_replays,omitempty" minimum:"1" maximum:"1000" doc:"Refuse records that were sent again so often; 5 if not given"`
		DryRun     bool  `json:"dry_run,omitempty" doc:"Count, and send nothing"`
	}
}

// A Result says what became of letters.
type Result struct {
	Sent     int       `json:"sent"`
	Refused  []Refused `json:"refused"`
	Missing  int       `json:"missing,omitempty" doc:"How many of the ids are not there, or in another state"`
	Matching int64     `json:"matching,omitempty" doc:"Of a dry run: how many letters there are"`
	After    int64     `json:"after,omitempty" doc:"The last letter that was looked at, if there are more"`
}

// A Refused letter was not sent, and is as it was.
type Refused struct {
	ID     int64      `json:"id"`
	Code   fault.Code `json:"code"`
	Reason string     `json:"reason"`
}

type resultOutput struct{ Body Result }

func (a *api) changes(h huma.API) {
	huma.Register(h, huma.Operation{
		OperationID: "resubmit-validation-errors", Method: http.MethodPost, Path: "/v1/validation-errors/{id}/resubmit", Tags: []string{"invalid records"},
		Summary: "Send a record through the pipeline again, corrected or as it is", MaxBodyBytes: maxBody, BodyReadTimeout: time.Minute,
		Description: "It is checked by the pipeline's stages first. If they would reject it again the answer is 422 and names every rule that it breaks; nothing has changed then.",
	}, a.resubmit)
	huma.Register(h, huma.Operation{
		OperationID: "replay-dead-letters", Method: http.MethodPost, Path: "/v1/dead-letters/replay", Tags: []string{"dead letters"},
		Summary: "Send records through the pipeline again, as they were read", Description: "Repeating it is safe: the merge is idempotent, and a record is sent a bounded number of times.",
	}, a.replay)
}

func (a *api) resubmit(ctx context.Context, in *resubmitInput) (*resultOutput, error) {
	var c Correction
	if in.Body != nil {
		c = *in.Body
	}
	if c.Columns != nil && c.Value != nil {
		return nil, problem(fault.New(fault.ConfigUsage, "give columns or value, not both"))
	}
	s, err := a.desk.Store(ctx)
	if err != nil {
		return nil, problem(err)
	}
	l, err := s.Get(ctx, pipeline.Invalid, in.ID)
	if err != nil {
		return nil, problem(err)
	}
	check, err := a.desk.Check(ctx)
	if err != nil {
		return nil, problem(err)
	}
	value, changed, err := c.of(ctx, check, l)
	if err != nil {
		return nil, problem(err)
	}
	r, err := a.desk.Resubmitter(ctx, actor(ctx), c.MaxReplays)
	if err != nil {
		return nil, problem(err)
	}
	if err := r.Refuse(l, value); err != nil {
		return nil, problem(err)
	}
	if err := check.Correction(ctx, l, value); err != nil {
		return nil, problem(err)
	}
	sending := dlq.Sending{Letter: l, Value: value}
	if value != nil {
		sending.Detail = map[string]any{"columns": changed}
	}
	refused, err := r.Send(ctx, sending)
	if err == nil && len(refused) > 0 {
		err = refused[0].Err
	}
	if err != nil {
		return nil, problem(err)
	}
	a.audit(ctx, "resubmit", "outlet", string(pipeline.Invalid), "letter", l.ID, "corrected", value != nil)
	return &resultOutput{Result{Sent: 1, Refused: []Refused{}}}, nil
}

// of returns the value that a correction of l has, nil for the original one.
func (c *Correction) of(ctx context.Context, check *dlq.Check, l *dlq.Letter) (value []byte, changed []string, err error) {
	switch {
	case c.Columns != nil:
		doc, err := check.Document(ctx, l)
		if err != nil {
			return nil, nil, err
		}
		return doc.Set(c.Columns)
	case c.Value != nil:
		var text string
		if json.Unmarshal(c.Value, &text) == nil && c.Value[0] == '"' {
			value = []byte(text)
		} else {
			value = c.Value
		}
		value, err = check.Value(ctx, l, value)
		return value, nil, err
	}
	return nil, nil, nil
}

func (a *api) replay(ctx context.Context, in *replayInput) (*resultOutput, error) {
	b := &in.Body
	f, err := b.filter(pipeline.DeadLetter, dlq.Open)
	if err != nil {
		return nil, problem(err)
	}
	f.After, f.Limit = b.After, b.Limit
	if f.Limit == 0 {
		f.Limit = dlq.MaxPage
	}
	s, err := a.desk.Store(ctx)
	if err != nil {
		return nil, problem(err)
	}
	out := &resultOutput{Result{Refused: []Refused{}}}
	if b.DryRun {
		f.Limit = 0
		out.Body.Matching, err = s.Matching(ctx, f)
		return out, problem(err)
	}
	r, err := a.desk.Resubmitter(ctx, actor(ctx), b.MaxReplays)
	if err != nil {
		return nil, problem(err)
	}
	r.Discarded = f.State == dlq.Discarded
	ls, err := s.Page(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	ss := make([]dlq.Sending, len(ls))
	for i, l := range ls {
		ss[i].Letter = l
	}
	refused, err := r.Send(ctx, ss...)
	if err != nil {
		return nil, problem(err)
	}
	for _, no := range refused {
		out.Body.Refused = append(out.Body.Refused, Refused{no.ID, fault.CodeOf(no.Err), no.Err.Error()})
	}
	out.Body.Sent = len(ls) - len(refused)
	out.Body.Missing = b.missing(int64(len(ls)))
	if len(ls) > 0 {
		f.After, f.Limit = ls[len(ls)-1].ID, 1
		if n, err := s.Matching(ctx, f); err == nil && n > 0 {
			out.Body.After = f.After
		}
	}
	a.audit(ctx, "replay", "outlet", string(pipeline.DeadLetter), "sent", out.Body.Sent, "refused", len(refused))
	return out, nil
}
