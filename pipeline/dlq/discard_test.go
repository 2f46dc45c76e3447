package dlq_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

// A letter that was discarded is sent by nothing that was not told to, neither now nor
// by the processor; it can be restored, and is purged in time.
func TestDiscard(t *testing.T) {
	t.Parallel()
	dsn, kafka, dir := database(t), cluster(t), t.TempDir()
	s := open(t, dsn)
	for i := range int64(5) {
		keep(t, dsn, spoiled{pipeline.DeadLetter, i + 1, fault.TargetBusy, "k", "v", nil})
	}
	if n, err := s.Discard(t.Context(), dlq.Filter{}, "me", " \n"); n != 0 || !fault.Is(err, fault.ConfigUsage) {
		t.Errorf("without a reason: %d, %v", n, err)
	}
	f := dlq.Filter{IDs: []int64{1, 2, 3, 99}}
	if n, err := s.Discardable(t.Context(), f); n != 3 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	for _, want := range []int64{3, 0} {
		if n, err := s.Discard(t.Context(), f, "me", "a test's"); n != want || err != nil {
			t.Errorf("discarded %d, %v, want %d", n, err, want)
		}
	}
	if n, err := s.Discard(t.Context(), dlq.Filter{State: dlq.Open, Limit: 1}, "me", "one of them"); n != 1 || err != nil {
		t.Errorf("discarded %d, %v", n, err)
	}
	ls, err := s.Page(t.Context(), dlq.Filter{State: dlq.Discarded})
	if err != nil || !slices.Equal(ids(ls), []int64{1, 2, 3, 4}) || ls[0].Note != "a test's" || ls[0].StateBy != "me" || ls[0].StateAt.IsZero() || !ls[0].Due.IsZero() {
		t.Fatalf("got %v, %v", ids(ls), err)
	}

	p := processor(s, events(t, kafka), dir)
	if err := p.Pipeline().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(sent(t, kafka, 1)); got != 1 {
		t.Errorf("%d were sent", got)
	}
	var wrote int
	r := &dlq.Resubmitter{Store: s, Actor: "me", Events: pipeline.SinkFunc[*cdc.Event](func(_ context.Context, recs []pipeline.Record[*cdc.Event]) error {
		wrote += len(recs)
		return nil
	})}
	if no, err := r.Send(t.Context(), dlq.Sending{Letter: ls[0]}); err != nil || len(no) != 1 || !fault.Is(no[0].Err, fault.LetterRefused) || wrote != 0 {
		t.Errorf("refused %v, %v, sent %d", no, err, wrote)
	}
	r.Discarded = true
	if no, err := r.Send(t.Context(), dlq.Sending{Letter: ls[0]}); err != nil || len(no) != 0 || wrote != 1 {
		t.Errorf("refused %v, %v, sent %d", no, err, wrote)
	}

	if n, err := s.Restorable(t.Context(), dlq.Filter{}); n != 3 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if n, err := s.Restore(t.Context(), dlq.Filter{IDs: []int64{1, 2}}, "you", "needed"); n != 1 || err != nil { // the first was sent
		t.Errorf("restored %d, %v", n, err)
	}
	if err := p.Pipeline().Run(t.Context()); err != nil { // and is due
		t.Fatal(err)
	}
	if got := query(t, dsn, "SELECT string_agg(status, ' ' ORDER BY id) FROM cdcpipe.dlq_archive"); got != "resubmitted resubmitted discarded discarded resubmitted" {
		t.Errorf("got %s", got)
	}
	if n, err := s.Expire(t.Context(), dlq.Filter{State: dlq.Discarded}, time.Now().Add(time.Hour), "clock"); n != 2 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	if got, want := query(t, dsn, `SELECT actor, action, was, became, detail FROM cdcpipe.letter_audit WHERE letter_id IN (2, 3) AND action <> 'resubmit' ORDER BY id`),
		`me|discard|open|discarded|{"reason": "a test's"}
me|discard|open|discarded|{"reason": "a test's"}
you|restore|discarded|open|{"reason": "needed"}
clock|purge|discarded||{}`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Of those who deal with a letter at once one does, and the others are told: its row is
// held while it is sent.
func TestSendAtOnce(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	s := open(t, dsn)
	keep(t, dsn, spoiled{pipeline.Invalid, 1, fault.RuleFailed, "k", "v", nil})
	l, err := s.Get(t.Context(), pipeline.Invalid, 1)
	if err != nil {
		t.Fatal(err)
	}
	sending, on := make(chan struct{}), make(chan struct{})
	down := errors.New("down")
	first := &dlq.Resubmitter{Store: s, Actor: "first", Events: pipeline.SinkFunc[*cdc.Event](func(context.Context, []pipeline.Record[*cdc.Event]) error {
		sending <- struct{}{}
		<-on
		return down
	})}
	wrote := 0
	second := &dlq.Resubmitter{Store: s, Actor: "second", Events: pipeline.SinkFunc[*cdc.Event](func(context.Context, []pipeline.Record[*cdc.Event]) error {
		wrote++
		return nil
	})}
	ended := make(chan error, 1)
	go func() { _, err := first.Send(t.Context(), dlq.Sending{Letter: l}); ended <- err }()
	<-sending
	refused := func(r *dlq.Resubmitter) bool {
		no, err := r.Send(t.Context(), dlq.Sending{Letter: l, Value: []byte("w")})
		return err == nil && len(no) == 1 && fault.Is(no[0].Err, fault.LetterChanged)
	}
	if !refused(second) || wrote != 0 {
		t.Errorf("it was sent while another sends it, %d times", wrote)
	}
	close(on)
	if err := <-ended; !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if no, err := second.Send(t.Context(), dlq.Sending{Letter: l}); err != nil || len(no) != 0 || wrote != 1 {
		t.Errorf("what failed before: refused %v, %v, sent %d times", no, err, wrote)
	}
	if !refused(second) || wrote != 1 {
		t.Errorf("it was sent as it was read before, %d times", wrote)
	}
	// The processor leaves alone what was decided since it has claimed it.
	if _, err := s.Discard(t.Context(), dlq.Filter{Outlet: pipeline.Invalid}, "me", "why"); err != nil {
		t.Fatal(err)
	}
	task := func(do dlq.Action) []pipeline.Record[dlq.Task] {
		b := pipeline.NewBatch[dlq.Task](1)
		b.Append(pipeline.Header{}, dlq.Task{Letter: l, Do: do, Note: "n"})
		return b.Records
	}
	if err := errors.Join(second.Write(t.Context(), task(dlq.Send)), (&dlq.Shelver{Store: s, Actor: "p"}).Write(t.Context(), task(dlq.Shelf))); err != nil {
		t.Fatal(err)
	}
	if got := query(t, dsn, "SELECT status, note FROM cdcpipe.validation_errors"); got != "discarded|why" || wrote != 1 {
		t.Errorf("got %s, sent %d times", got, wrote)
	}
}
