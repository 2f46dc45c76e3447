package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"cdcpipe/stages"
)

// A backfill is the switch of the stages stale_check of this worker, as a resource:
// GET shows it, POST sets it. Every change is logged: when, from where, what was and
// what is.
type backfill struct {
	stages []*stages.StaleCheck
	log    *slog.Logger
}

// newBackfill returns the switch of those among the parts.
func newBackfill(parts []any, log *slog.Logger) *backfill {
	b := &backfill{log: log}
	for _, p := range parts {
		if s, ok := p.(*stages.StaleCheck); ok {
			b.stages = append(b.stages, s)
		}
	}
	return b
}

// A backfillState is what is sent and answered.
type backfillState struct {
	Backfill *bool `json:"backfill"`

	// Refuses is whether anything is refused while it is off.
	Refuses bool `json:"refuses"`
}

const maxBody = 1 << 10

// ServeHTTP answers one request.
func (b *backfill) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case len(b.stages) == 0:
		problem(w, http.StatusNotFound, "the pipeline has no stage stale_check")
	case r.Method == http.MethodGet:
		b.show(w)
	case r.Method == http.MethodPost:
		on, err := wanted(r.Body)
		if err != nil {
			problem(w, http.StatusBadRequest, err.Error())
			return
		}
		for _, s := range b.stages {
			was := s.SetBackfill(on)
			b.log.Info("audit", "action", "backfill", "was", was, "is", on, "remote", r.RemoteAddr, "agent", r.UserAgent())
		}
		b.show(w)
	default:
		w.Header().Set("Allow", "GET, POST")
		problem(w, http.StatusMethodNotAllowed, "GET shows the switch, POST sets it")
	}
}

func wanted(body io.Reader) (bool, error) {
	dec := json.NewDecoder(io.LimitReader(body, maxBody))
	dec.DisallowUnknownFields()
	var want struct {
		Backfill *bool `json:"backfill"`
	}
	if err := dec.Decode(&want); err != nil || want.Backfill == nil || dec.More() {
		return false, errors.New(`the body must be {"backfill": true} or {"backfill": false}`)
	}
	return *want.Backfill, nil
}

func (b *backfill) show(w http.ResponseWriter) {
	on, refuses := b.stages[0].Backfill(), false
	for _, s := range b.stages {
		refuses = refuses || s.Refuses()
	}
	reply(w, http.StatusOK, "application/json", backfillState{&on, refuses})
}

// problem answers with what is wrong (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	reply(w, status, "application/problem+json", map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}

func reply(w http.ResponseWriter, status int, kind string, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may be gone
}
