package letterapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

type discardInput struct {
	Body struct {
		Selection
		Limit  int    `json:"limit,omitempty" minimum:"1" doc:"As many as there are if not given"`
		Reason string `json:"reason,omitempty" maxLength:"1000" doc:"Why; required but for undo and dry_run"`
		Undo   bool   `json:"undo,omitempty" doc:"Make letters that were discarded open again"`
		DryRun bool   `json:"dry_run,omitempty" doc:"Count, and change nothing"`
	}
}

// A Decision says how many letters were discarded, or restored.
type Decision struct {
	Changed  int64 `json:"changed" doc:"How many letters were discarded or, by undo, are open again"`
	Missing  int   `json:"missing,omitempty" doc:"How many of the ids are not there, or in another state"`
	Matching int64 `json:"matching,omitempty" doc:"Of a dry run: how many letters there are"`
}

type decisionOutput struct{ Body Decision }

func (a *api) discards(h huma.API) {
	for _, k := range kinds {
		huma.Register(h, huma.Operation{
			OperationID: "discard-" + k.name, Method: http.MethodPost, Path: k.path + "/discard", Tags: []string{k.tag},
			Summary:     "Decide that letters are of no use, or undo that",
			Description: "A letter that was discarded is sent only by a replay that names its number or a filter and the state discarded. It is purged in time as what was dealt with.",
		}, func(ctx context.Context, in *discardInput) (*decisionOutput, error) {
			return a.discard(ctx, in, k.outlet)
		})
	}
}

func (a *api) discard(ctx context.Context, in *discardInput, o pipeline.Outlet) (*decisionOutput, error) {
	b := &in.Body
	usual := dlq.Open
	switch {
	case b.Undo && b.State != "":
		return nil, problem(fault.New(fault.ConfigUsage, "undo is about letters that were discarded, and takes no state"))
	case b.Undo:
		usual = dlq.Discarded
	case !b.DryRun && strings.TrimSpace(b.Reason) == "":
		return nil, problem(fault.New(fault.ConfigUsage, "reason is missing: say why, for those who come later"))
	}
	f, err := b.filter(o, usual)
	if err != nil {
		return nil, problem(err)
	}
	f.Limit = b.Limit
	s, err := a.desk.Store(ctx)
	if err != nil {
		return nil, problem(err)
	}
	count, change, action := s.Discardable, s.Discard, "discard"
	if b.Undo {
		count, change, action = s.Restorable, s.Restore, "restore"
	}
	out := &decisionOutput{}
	if b.DryRun {
		out.Body.Matching, err = count(ctx, f)
		return out, problem(err)
	}
	if out.Body.Changed, err = change(ctx, f, actor(ctx), b.Reason); err != nil {
		return nil, problem(err)
	}
	out.Body.Missing = b.missing(out.Body.Changed)
	a.audit(ctx, action, "outlet", string(o), "letters", out.Body.Changed, "reason", b.Reason)
	return out, nil
}
