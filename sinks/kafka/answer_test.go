package kafka_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/kafka"
)

var update = flag.Bool("update", false, "write the table of docs/reference/retries.md anew")

// The documented table is what outlets go by, for every answer that there is.
func TestRetriesDoc(t *testing.T) {
	t.Parallel()
	const path = "../../docs/reference/retries.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "| an outlet writes |")
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
		t.Error("the table is not up to date: go test ./sinks/kafka -run RetriesDoc -update")
	}
}

// Every error that Kafka knows, in answer to a write: the letter is in the topic in
// the end, cut where the table says so, and until then the write is an error that is
// waited out.
func TestAnswersToWrites(t *testing.T) {
	t.Parallel()
	for _, e := range kafka.Answers() {
		t.Run(e.Message, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			l := letters(t, c, kafka.Config{Topic: "dlq", DeliveryTimeout: time.Second})
			refusal := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: e, Count: -1})
			write := func() error {
				return l.Write(t.Context(), []pipeline.Record[pipeline.Reject]{reject(pipeline.DeadLetter, &cdc.Event{Topic: "t", Value: []byte("v")})})
			}
			err := write()
			if refusal.Hits() == 0 {
				t.Error("the broker was not asked")
			}
			if kafka.Written(e) {
				if err != nil {
					t.Errorf("got %v, want none", err)
				}
			} else if !fault.Is(err, fault.OutletDown) || pipeline.IsFatal(err) != kafka.TooLarge(e) {
				t.Errorf("got %v, fatal %v; want %s, fatal %v", err, pipeline.IsFatal(err), fault.OutletDown, kafka.TooLarge(e))
			}
			if _, diverts := pipeline.OutletOf(err); diverts {
				t.Errorf("an outlet has no outlet: %v", err)
			}
			refusal.Remove()
			for deadline := time.Now().Add(20 * time.Second); ; {
				if err = write(); err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("afterwards: %v", err)
				}
			}
			if got := read(t, c, "dlq", 1); string(got[0].Value) != "v" {
				t.Errorf("got %q", got[0].Value)
			}
		})
	}
}
