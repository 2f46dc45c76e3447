package dlq_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

func count(n int) []cdc.EventHeader {
	return []cdc.EventHeader{{Key: "own", Value: []byte{1}}, {Key: dlq.HeaderCount, Value: []byte(strconv.Itoa(n))}, {Key: dlq.HeaderFrom, Value: []byte("dead_letter/1")}}
}

// A letter is sent with its key, its bytes and a count, and marked when the brokers
// have it and not before; what was sent too often is left alone.
func TestResubmit(t *testing.T) {
	t.Parallel()
	dsn, kafka := database(t), cluster(t)
	s := open(t, dsn)
	keep(t, dsn, spoiled{pipeline.Invalid, 1, fault.RuleFailed, "k1", "a", nil}, spoiled{pipeline.Invalid, 2, fault.RuleFailed, "k2", "b", count(4)}, spoiled{pipeline.Invalid, 3, fault.RuleFailed, "k3", "c", count(5)},
		spoiled{pipeline.Invalid, 4, fault.RuleFailed, "k4", "d", []cdc.EventHeader{{Key: "cdcpipe.truncated", Value: []byte("true")}}})
	e := events(t, kafka)
	if err := e.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	r := &dlq.Resubmitter{Store: s, Events: e, Actor: "me"}
	ls, err := s.Page(t.Context(), dlq.Filter{Outlet: pipeline.Invalid})
	if err != nil || len(ls) != 4 {
		t.Fatalf("got %d, %v", len(ls), err)
	}
	sending := make([]dlq.Sending, len(ls))
	for i, l := range ls {
		sending[i].Letter = l
	}
	sending[1].Value = []byte("B")
	kafka.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		return nil, errors.New("down"), true
	})
	ctx, cancel := context.WithCancel(t.Context())
	kafka.Control(func(kmsg.Request) (kmsg.Response, error, bool) { cancel(); return nil, nil, false })
	if _, err := r.Send(ctx, sending...); err == nil {
		t.Fatal("it was sent without brokers")
	}
	if got := query(t, dsn, "SELECT count(*) FROM cdcpipe.validation_errors WHERE status = 'open'"); got != "4" {
		t.Errorf("%s letters are open", got)
	}
	refused, err := r.Send(t.Context(), sending...)
	if err != nil || len(refused) != 2 || !fault.Is(refused[0].Err, fault.ReplayLimit) || !fault.Is(refused[1].Err, fault.LetterRefused) {
		t.Fatalf("refused %v, %v", refused, err)
	}
	got := map[string]string{}
	for _, r := range sent(t, kafka, 2) {
		got[string(r.Key)] = string(r.Value) + " " + header(r, dlq.HeaderCount) + " " + header(r, dlq.HeaderFrom) + " " + header(r, dlq.HeaderCorrected) + " " + strconv.Itoa(len(r.Headers))
	}
	if len(got) != 2 || got["k1"] != "a 1 invalid/1  2" || got["k2"] != "B 5 invalid/2 true 4" {
		t.Errorf("got %q", got)
	}
	if got, want := query(t, dsn, `SELECT id, status, status_by, resubmissions, coalesce(corrected, '') FROM cdcpipe.validation_errors ORDER BY id`),
		"1|resubmitted|me|1|\\x\n2|resubmitted|me|1|\\x42\n3|open||0|\\x\n4|open||0|\\x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := query(t, dsn, `SELECT letter_id, detail->>'count', detail ? 'sha256_after' FROM cdcpipe.letter_audit ORDER BY id`); got != "1|1|f\n2|5|t" {
		t.Errorf("the audit has %s", got)
	}
}

// Of letters of which one does not fit, the others are sent.
func TestResubmitTooLarge(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "cdc.shop.orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	kafka.KeepControl()
	kafka.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		kafka.KeepControl()
		p := req.(*kmsg.ProduceRequest)
		resp := p.ResponseKind().(*kmsg.ProduceResponse)
		for _, tp := range p.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = tp.Topic, tp.TopicID
			for _, pp := range tp.Partitions {
				if len(pp.Records) < 2000 {
					return nil, nil, false
				}
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = pp.Partition, kerr.MessageTooLarge.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	s := open(t, dsn)
	large := strings.Builder{}
	for i := range 2000 { // which compresses badly
		large.WriteString(strconv.Itoa(i * 7919 % 104729))
	}
	keep(t, dsn, spoiled{pipeline.DeadLetter, 1, fault.TargetBusy, "k1", "a", nil}, spoiled{pipeline.DeadLetter, 2, fault.TargetBusy, "k2", large.String(), nil}, spoiled{pipeline.DeadLetter, 3, fault.TargetBusy, "k3", "c", nil})
	e := events(t, kafka)
	if err := e.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	ls, err := s.Page(t.Context(), dlq.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	r := &dlq.Resubmitter{Store: s, Events: e, Actor: "me"}
	refused, err := r.Send(t.Context(), dlq.Sending{Letter: ls[0]}, dlq.Sending{Letter: ls[1]}, dlq.Sending{Letter: ls[2]})
	if err != nil || len(refused) != 1 || refused[0].ID != 2 || !fault.Is(refused[0].Err, fault.OutletDown) {
		t.Fatalf("refused %v, %v", refused, err)
	}
	if got := query(t, dsn, "SELECT string_agg(status, ' ' ORDER BY id) FROM cdcpipe.dlq_archive"); got != "resubmitted open resubmitted" {
		t.Errorf("got %s", got)
	}
}
