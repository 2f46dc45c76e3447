package kafka_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// bubble runs f on a fake clock, with a cluster that has a topic t of one partition.
func bubble(t *testing.T, f func(t *testing.T, c *cluster, cl *kgo.Client)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, kfake.SeedTopics(1, "t"))
		f(t, c, c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner())))
	})
}

func wants(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// commit makes the group's offset in t/0 at.
func commit(t *testing.T, cl *kgo.Client, at int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset("t", 0, at, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatal(err)
	}
}

func TestResumeFromRecord(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		produce(t, cl, "t", 0, "a", "b", "c", "d")
		commit(t, cl, 3)
		src, _ := c.source(t, c.config())
		wants(t, open(t, src, pipeline.Mark{Partition: "t/0", Offset: 0}).values(t, 3), "t/0:1=b", "t/0:2=c", "t/0:3=d")
	})
}

func TestResumeFromGroup(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		produce(t, cl, "t", 0, "a", "b", "c", "d")
		commit(t, cl, 2)
		src, _ := c.source(t, c.config())
		wants(t, open(t, src, pipeline.Mark{Partition: "u/0", Offset: 9}).values(t, 2), "t/0:2=c", "t/0:3=d")
	})
}

// Where the record is ahead of the group, the group follows, without another record.
func TestGroupFollowsRecord(t *testing.T) {
	for _, had := range []int64{-1, 1} {
		t.Run(strconv.FormatInt(had, 10), func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b", "c")
				if had >= 0 {
					commit(t, cl, had)
				}
				src, _ := c.source(t, c.config())
				mark := pipeline.Mark{Partition: "t/0", Offset: 2, Epoch: -1}
				b, err := open(t, src, mark).read(t)
				if err != nil || len(b.Records) > 0 || b.Through != mark {
					t.Fatalf("got %+v, %v", b, err)
				}
				if err := src.Commit(t.Context(), []pipeline.Mark{b.Through}); err != nil {
					t.Fatal(err)
				}
				if got := c.GroupInfo("g").Commits["t"][0].Offset; got != 3 {
					t.Errorf("the group is at %d, want 3", got)
				}
			})
		})
	}
}

// What is committed, and what is left on leaving, is where another begins.
func TestCommit(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		produce(t, cl, "t", 0, "a", "b", "c")
		src, _ := c.source(t, c.config(), kgo.MaxConcurrentFetches(0))
		r := open(t, src)
		b, err := r.read(t)
		if err != nil {
			t.Fatal(err)
		}
		if err := src.Commit(t.Context(), []pipeline.Mark{b.Through}); err != nil {
			t.Fatal(err)
		}
		if got, want := c.GroupInfo("g").Commits["t"][0].Offset, b.Through.Offset+1; got != want {
			t.Errorf("the group is at %d, want %d", got, want)
		}
		produce(t, cl, "t", 0, "d")
		r.values(t, 1)
		r.close(t)
		if got := c.GroupInfo("g").Commits["t"][0].Offset; got != 4 {
			t.Errorf("after leaving the group is at %d, want 4", got)
		}
	})
}

// The end at which reading began is on record before anything is read.
func TestStartLatest(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		produce(t, cl, "t", 0, "a", "b")
		cfg := c.config()
		cfg.Start = "latest"
		src, _ := c.source(t, cfg)
		r := open(t, src)
		b, err := r.read(t)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) != 0 || b.Through.Offset != 1 {
			t.Fatalf("got %d records through %v, want none through 1", len(b.Records), b.Through)
		}
		r.close(t)
		produce(t, cl, "t", 0, "c")
		src, _ = c.source(t, cfg)
		wants(t, open(t, src, b.Through).values(t, 1), "t/0:2=c")
	})
}

// What is deleted before the first fetch was not lost: reading starts at what there
// is.
func TestDeletedBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		produce(t, cl, "t", 0, "a", "b", "c")
		listed := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Observe: true})
		c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange})
		src, _ := c.source(t, c.config())
		r := open(t, src)
		if err := listed.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteRecords("t", 0, 1); err != nil {
			t.Fatal(err)
		}
		got := r.values(t, 2)
		wants(t, got[len(got)-2:], "t/0:1=b", "t/0:2=c")
	})
}

// fails reads until there is an error, which must have the code.
func (r *reader) fails(t *testing.T, code fault.Code) {
	t.Helper()
	for {
		if _, err := r.read(t); err != nil {
			if !fault.Is(err, code) {
				t.Errorf("got %v, want %s", err, code)
			}
			t.Log(err)
			return
		}
	}
}

func TestOffsetDeleted(t *testing.T) {
	for _, resume := range []string{"record", "group", "running"} {
		for _, policy := range []string{"fail", "earliest", "latest"} {
			t.Run(resume+"/"+policy, func(t *testing.T) {
				bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
					produce(t, cl, "t", 0, "a", "b", "c", "d", "e")
					var marks []pipeline.Mark
					switch resume {
					case "record":
						marks = append(marks, pipeline.Mark{Partition: "t/0", Offset: 1})
					case "group":
						commit(t, cl, 2)
					}
					del := func() {
						if err := c.DeleteRecords("t", 0, 4); err != nil {
							t.Fatal(err)
						}
					}
					cfg := c.config()
					cfg.OnLostOffset = policy
					src, _ := c.source(t, cfg)
					var r *reader
					if resume == "running" {
						r = open(t, src)
						r.values(t, 5)
						src.PausePartitions("t/0")
						r.none(t) // until no fetch is under way
						produce(t, cl, "t", 0, "f", "g", "h")
						if err := c.DeleteRecords("t", 0, 7); err != nil {
							t.Fatal(err)
						}
						src.ResumePartitions("t/0")
					} else {
						del()
						r = open(t, src, marks...)
					}
					switch {
					case policy == "fail":
						r.fails(t, fault.OffsetLost)
					case policy == "earliest" && resume == "running":
						wants(t, r.values(t, 1), "t/0:7=h")
					case policy == "earliest":
						wants(t, r.values(t, 1), "t/0:4=e")
					default:
						r.none(t)
						produce(t, cl, "t", 0, "z")
						got := r.values(t, 1)[0]
						if got[len(got)-2:] != "=z" {
							t.Errorf("got %s, want z", got)
						}
					}
				})
			})
		}
	}
}

// A topic that is shorter than what is on record.
func TestOffsetBeyondEnd(t *testing.T) {
	for _, policy := range []string{"fail", "earliest"} {
		t.Run(policy, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b")
				cfg := c.config()
				cfg.OnLostOffset = policy
				src, _ := c.source(t, cfg)
				r := open(t, src, pipeline.Mark{Partition: "t/0", Offset: 9, Epoch: -1})
				if policy == "fail" {
					r.fails(t, fault.OffsetLost)
					return
				}
				wants(t, r.values(t, 2), "t/0:0=a", "t/0:1=b")
				if got := r.parts.owned(); got != 2 {
					t.Errorf("got %d claims, want a second one for what goes back", got)
				}
			})
		})
	}
}

func recreate(t *testing.T, c *cluster) {
	t.Helper()
	if err := c.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTopic("t", 1, nil); err != nil {
		t.Fatal(err)
	}
}

func TestTopicRecreatedWhileRunning(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
		produce(t, cl, "t", 0, "a")
		src, _ := c.source(t, c.config())
		r := open(t, src)
		r.values(t, 1)
		recreate(t, c)
		r.fails(t, fault.TopicRecreated)
	})
}

// A topic that was created anew while nobody read it is found out even if the
// offset on record lies within it.
func TestTopicRecreatedBetween(t *testing.T) {
	for _, policy := range []string{"fail", "earliest"} {
		t.Run(policy, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster, cl *kgo.Client) {
				produce(t, cl, "t", 0, "a", "b")
				src, _ := c.source(t, c.config())
				r := open(t, src)
				b, err := r.read(t)
				if err != nil {
					t.Fatal(err)
				}
				r.close(t)
				recreate(t, c)
				fresh := c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
				produce(t, fresh, "t", 0, "x", "y", "z")
				cfg := c.config()
				cfg.OnLostOffset = policy
				src, _ = c.source(t, cfg)
				r = open(t, src, b.Through)
				if policy == "fail" {
					r.fails(t, fault.TopicRecreated)
					return
				}
				// What is on record of the old topic is replaced even if nothing is in the new one.
				start, err := r.read(t)
				if err != nil || len(start.Records) > 0 || start.Through.Offset != -1 || !start.Through.Supersedes(b.Through) {
					t.Fatalf("got %+v, %v", start, err)
				}
				again, err := r.read(t)
				if err != nil || string(again.Records[0].Value.Value) != "x" {
					t.Fatalf("got %v, %v", again, err)
				}
				if !again.Through.Supersedes(b.Through) || b.Through.Log == again.Through.Log {
					t.Errorf("%+v does not supersede %+v", again.Through, b.Through)
				}
				r.close(t)
				src, _ = c.source(t, cfg)
				produce(t, fresh, "t", 0, "last")
				wants(t, open(t, src, again.Through).values(t, 1), fmt.Sprintf("t/0:%d=last", again.Through.Offset+1))
			})
		})
	}
}

// A topic that is deleted is missed if it was named; if it only matched a pattern,
// the others go on.
func TestTopicDeleted(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"name", "pattern"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel() // not on a fake clock: the client does not rest while a topic is missing
			c := newCluster(t, 1, kfake.SeedTopics(1, "t", "u"))
			cl := c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			produce(t, cl, "t", 0, "a")
			cfg := c.config()
			cfg.Topics, cfg.MetadataMaxAge = []string{"t", "u"}, time.Second
			if by == "pattern" {
				cfg.Topics, cfg.TopicPatterns = nil, []string{"[tu]"}
			}
			src, _ := c.source(t, cfg, kgo.ConsiderMissingTopicDeletedAfter(2*time.Second))
			r := open(t, src)
			r.values(t, 1)
			if err := c.DeleteTopic("t"); err != nil {
				t.Fatal(err)
			}
			if by == "name" {
				r.fails(t, fault.TopicMissing)
				return
			}
			produce(t, cl, "u", 0, "b")
			wants(t, r.values(t, 1), "u/0:0=b")
			eventually(t, func() bool { return len(src.Stats().Partitions) == 1 })
			if err := c.CreateTopic("t", 1, nil); err != nil {
				t.Fatal(err)
			}
			produce(t, c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner())), "t", 0, "c")
			wants(t, r.values(t, 1), "t/0:0=c")
		})
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	look, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for !cond() {
		select {
		case <-look.C:
		case <-late:
			t.Fatal("waited in vain")
		}
	}
}
