package kafka_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline"
	"cdcpipe/sources/kafka"
)

var update = flag.Bool("update", false, "write the table of docs/reference/retries.md anew")

// The documented table is what the source goes by, for every answer that there is.
func TestRetriesDoc(t *testing.T) {
	t.Parallel()
	const path = "../../docs/reference/retries.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "| the source asks |")
	if !ok {
		t.Fatal("there is no table of what Kafka answers")
	}
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + kafka.AnswerTable() + "\n" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(doc) != want {
		t.Error("the table is not up to date: go test ./sources/kafka -run RetriesDoc -update")
	}
}

// Every error that Kafka knows, in answer to a fetch: the source goes on where the
// table says so, with nothing lost, and otherwise stops with the code of the table.
func TestAnswersToFetch(t *testing.T) {
	for _, e := range kafka.Answers() {
		t.Run(e.Message, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b")
				answer := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: e, Count: 3})
				src, _ := c.source(t, c.config())
				r := open(t, src)
				goesOn, code := kafka.FetchClass(e)
				switch {
				case errors.Is(e, kerr.OffsetOutOfRange), errors.Is(e, kerr.UnknownTopicID), goesOn: // the topic is as it was, as the source finds out
					wants(t, r.values(t, 2), "t/0:0=a", "t/0:1=b")
				default:
					r.fails(t, code)
				}
				if answer.Hits() == 0 {
					t.Error("the broker was not asked")
				}
			})
		})
	}
}

// So it is with answers to a member that joins the group.
func TestAnswersToMembers(t *testing.T) {
	for _, e := range kafka.Answers() {
		t.Run(e.Message, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b")
				join := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: e, Count: 2})
				c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SyncGroup}, Err: e, Count: 2})
				src, _ := c.source(t, c.config())
				r := open(t, src)
				defer func() {
					if join.Hits() == 0 {
						t.Error("the broker was not asked")
					}
				}()
				if goesOn, code := kafka.GroupClass(e); !goesOn {
					r.fails(t, code)
					return
				}
				wants(t, r.values(t, 2), "t/0:0=a", "t/0:1=b")
			})
		})
	}
}

// A commit that Kafka refuses, whatever it says, is an error that stops nothing: the
// next one has it.
func TestAnswersToCommits(t *testing.T) {
	for _, e := range kafka.Answers() {
		t.Run(e.Message, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b")
				src, _ := c.source(t, c.config())
				r := open(t, src)
				wants(t, r.values(t, 2), "t/0:0=a", "t/0:1=b")
				refusal := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: e, Count: -1})
				mark := r.parts.mark("t/0")
				err := src.Commit(t.Context(), []pipeline.Mark{mark})
				if err == nil || pipeline.IsFatal(err) {
					t.Errorf("got %v, want an error that is not fatal", err)
				}
				refusal.Remove()
				synctest.Wait()
				if err := src.Commit(t.Context(), []pipeline.Mark{mark}); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				produce(t, cl, "t", 0, "c")
				wants(t, r.values(t, 1), "t/0:2=c")
			})
		})
	}
}
