package letterapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

// query are the parameters that say which letters are listed.
type query struct {
	Table string    `query:"table" doc:"keyspace.table, or a keyspace"`
	Code  string    `query:"code" doc:"Code of the first failure, or the beginning of one" example:"CDC-2004"`
	Since time.Time `query:"since" doc:"Received then or later"`
	Until time.Time `query:"until" doc:"Received before"`
	Key   string    `query:"key" doc:"Text that the record's key contains"`
	State string    `query:"state" enum:"open,resubmitted,archived,discarded,all" default:"open"`
	After int64     `query:"after" minimum:"0" doc:"next of the page before"`
	Limit int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (q *query) filter(o pipeline.Outlet) dlq.Filter {
	f := dlq.Filter{Outlet: o, Table: q.Table, Code: fault.Code(q.Code), Since: q.Since, Until: q.Until, Key: q.Key, State: dlq.State(q.State), After: q.After, Limit: q.Limit}
	if f.State == "all" {
		f.State = ""
	}
	return f
}

// A Page is some of the letters, by number.
type Page struct {
	Letters []dlq.View `json:"letters"`
	Next    int64      `json:"next,omitempty" doc:"The parameter after of the next page; missing if this was the last"`
}

type pageOutput struct{ Body Page }

type letterInput struct {
	ID int64 `path:"id" minimum:"1" doc:"Number of the letter"`
}

type letterOutput struct{ Body dlq.View }

func (a *api) reads(h huma.API) {
	for _, r := range kinds {
		huma.Register(h, huma.Operation{OperationID: "list-" + r.name, Method: http.MethodGet, Path: r.path, Summary: "List " + r.tag, Tags: []string{r.tag}},
			func(ctx context.Context, in *query) (*pageOutput, error) { return a.list(ctx, in, r.outlet) })
		huma.Register(h, huma.Operation{OperationID: "get-" + r.name, Method: http.MethodGet, Path: r.path + "/{id}", Summary: "One of the " + r.tag + ", with its value, headers and history", Tags: []string{r.tag}},
			func(ctx context.Context, in *letterInput) (*letterOutput, error) { return a.get(ctx, in.ID, r.outlet) })
	}
}

func (a *api) list(ctx context.Context, in *query, o pipeline.Outlet) (*pageOutput, error) {
	f := in.filter(o)
	if err := f.Validate(); err != nil {
		return nil, problem(err)
	}
	s, err := a.desk.Store(ctx)
	if err != nil {
		return nil, problem(err)
	}
	ls, err := s.Page(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	out := &pageOutput{Page{Letters: make([]dlq.View, len(ls))}}
	for i, l := range ls {
		out.Body.Letters[i] = l.View(false)
	}
	if len(ls) > 0 { // a page may also end by its size
		f.After, f.Limit = ls[len(ls)-1].ID, 1
		n, err := s.Matching(ctx, f)
		if err != nil {
			return nil, problem(err)
		}
		if n > 0 {
			out.Body.Next = f.After
		}
	}
	return out, nil
}

func (a *api) get(ctx context.Context, id int64, o pipeline.Outlet) (*letterOutput, error) {
	s, err := a.desk.Store(ctx)
	if err != nil {
		return nil, problem(err)
	}
	l, err := s.Get(ctx, o, id)
	if err != nil {
		return nil, problem(err)
	}
	history, err := s.History(ctx, o, id)
	if err != nil {
		return nil, problem(err)
	}
	return &letterOutput{l.View(true, history...)}, nil
}
