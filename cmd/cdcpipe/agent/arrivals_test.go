package agent_test

import (
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/agent"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sources/cassandra"
	"cdcpipe/sources/kafka"
)

// Every way in which a table and its topic may stand to one another.
func TestArrivals(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	at := func(ago time.Duration) cassandra.Sample {
		if ago < agent.Patience {
			return cassandra.Sample{Rows: 1, Newer: true}
		}
		return cassandra.Sample{Rows: 1, Newest: now.Add(-ago).UnixMicro()}
	}
	busy := at(30 * time.Minute)
	busy.Newer = true
	topic := func(name string, ago time.Duration) kafka.Topic {
		return kafka.Topic{Name: name, Ended: 1, Newest: now.Add(-ago)}
	}
	tables := listings(t, `CREATE TABLE k.t (id int PRIMARY KEY, v int)`)
	plain := slices.Clone(tables)
	plain[0].CDC = false
	counter := listings(t, `CREATE TABLE k.t (id int PRIMARY KEY, v counter)`)
	const failing = -1
	for _, x := range []struct {
		name   string
		tables []cassandra.Listing
		topics []kafka.Topic
		named  []string
		sample cassandra.Sample
		want   string
	}{
		{"in order", tables, []kafka.Topic{topic("cdc.k.t", time.Hour)}, nil, at(time.Hour), ""},
		{"newer event than write", tables, []kafka.Topic{topic("cdc.k.t", 0)}, nil, at(time.Hour), ""},
		{"on its way", tables, []kafka.Topic{topic("cdc.k.t", time.Hour)}, nil, at(time.Second), ""},
		{"only keys", tables, []kafka.Topic{topic("cdc.k.t", time.Hour)}, nil, cassandra.Sample{Rows: 3}, ""},
		{"an old topic that is empty now", tables, []kafka.Topic{{Name: "cdc.k.t", Ended: 9}}, nil, at(time.Hour), ""},
		{"behind", tables, []kafka.Topic{topic("cdc.k.t", time.Hour)}, nil, at(30 * time.Minute), "CDC-7032 FAIL table k.t"},
		{"behind, and busy", tables, []kafka.Topic{topic("cdc.k.t", time.Hour)}, nil, busy, "CDC-7032 FAIL table k.t"},
		{"no topic, old and new rows", tables, nil, nil, busy, "CDC-7030 FAIL table k.t"},
		{"two agents, one behind", tables, []kafka.Topic{topic("cdc.k.t", time.Hour), topic("cdc2.k.t", 0)}, nil, at(30 * time.Minute), ""},
		{"no topic, rows", tables, nil, nil, at(time.Hour), "CDC-7030 FAIL table k.t"},
		{"no topic, only keys", tables, nil, nil, cassandra.Sample{Rows: 3}, "CDC-7030 FAIL table k.t"},
		{"a topic without records, rows", tables, []kafka.Topic{{Name: "cdc.k.t"}}, nil, at(time.Hour), "CDC-7030 FAIL table k.t"},
		{"no topic, new rows", tables, nil, nil, at(time.Second), "CDC-7031 warn table k.t"},
		{"no topic, no rows", tables, nil, nil, cassandra.Sample{}, "CDC-7031 warn table k.t"},
		{"a topic not read", tables, []kafka.Topic{topic("other.k.t", 0)}, nil, at(0), "CDC-7034 warn table k.t"},
		{"no rows to be had", tables, []kafka.Topic{topic("cdc.k.t", 0)}, nil, cassandra.Sample{Rows: failing}, "CDC-0000 warn table k.t"},
		{"without CDC", plain, nil, nil, at(0), "CDC-7033 warn keyspace k"},
		{"without CDC, not read", plain, []kafka.Topic{topic("other.k.t", 0)}, nil, at(0), ""},
		{"without CDC, read by name", plain, nil, []string{"cdc.k.t"}, at(0), "CDC-7033 FAIL table k.t"},
		{"a counter", counter, nil, nil, at(0), ""},
	} {
		reads := regexp.MustCompile(`^cdc2?\.k\..*$`).MatchString
		for i := range x.topics {
			x.topics[i].Read = reads(x.topics[i].Name)
		}
		found := agent.Arrivals(x.tables, []string{"k"}, agent.Topics{All: x.topics, Reads: reads, Named: x.named}, func(*cdc.Table) (cassandra.Sample, error) {
			if x.sample.Rows == failing {
				return cassandra.Sample{}, errors.New("too many tombstones")
			}
			return x.sample, nil
		})
		got := ""
		for _, s := range shown(found) {
			got += s
		}
		if got != x.want {
			t.Errorf("%s: got %q, want %q", x.name, got, x.want)
		}
	}
}

// Of other keyspaces nothing is said; with none given, nothing of topics that are
// not read.
func TestScope(t *testing.T) {
	t.Parallel()
	tables := listings(t, `CREATE TABLE k.t (id int PRIMARY KEY); CREATE TABLE l.t (id int PRIMARY KEY); CREATE TABLE m.t (id int PRIMARY KEY)`)
	topics := agent.Topics{
		All:   []kafka.Topic{{Name: "cdc.k.t", Read: true, Ended: 1}},
		Reads: regexp.MustCompile(`^cdc\.[kl]\..*$`).MatchString,
	}
	none := func(*cdc.Table) (cassandra.Sample, error) { return cassandra.Sample{}, nil }
	for _, x := range []struct{ keyspaces, want []string }{
		{[]string{"k"}, nil},
		{[]string{"k", "l"}, []string{"CDC-7031 warn table l.t"}},
		{[]string{"m"}, []string{"CDC-7034 warn table m.t"}},
		{nil, []string{"CDC-7031 warn table l.t"}},
	} {
		if got := shown(agent.Arrivals(tables, x.keyspaces, topics, none)); !slices.Equal(got, x.want) {
			t.Errorf("%q: got %q, want %q", x.keyspaces, got, x.want)
		}
	}
}
