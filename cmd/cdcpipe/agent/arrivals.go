package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/cassandra"
	"cdcpipe/sources/kafka"
)

// Patience is how long a change may take from Cassandra to its topic before it is
// missed. It covers clocks that differ, too.
const Patience = time.Minute

// Topics is what is known of the topics that the agent sends to.
type Topics struct {
	All   []kafka.Topic
	Reads func(name string) bool // whether the source would read it
	Named []string               // those it must read
}

// of returns the topics of a table that the source reads: <prefix>.<keyspace>.<table>,
// whatever the prefix.
func (t Topics) of(l cassandra.Listing) (read []kafka.Topic) {
	for _, x := range t.All {
		if x.Read && strings.HasSuffix(x.Name, suffix(l)) {
			read = append(read, x)
		}
	}
	return read
}

func suffix(l cassandra.Listing) string { return "." + l.Keyspace + "." + l.Name }

// named returns the topic of a table that the source is given by name.
func (t Topics) named(l cassandra.Listing) string {
	for _, n := range t.Named {
		if strings.HasSuffix(n, suffix(l)) {
			return n
		}
	}
	return ""
}

// prefixes returns the prefixes of topics that fit tables, and those that the source is given.
func (t Topics) prefixes(tables []cassandra.Listing) map[string]bool {
	found := map[string]bool{}
	add := func(topic string) {
		for _, l := range tables {
			if p, ok := strings.CutSuffix(topic, suffix(l)); ok && p != "" {
				found[p] = true
			}
		}
	}
	for _, x := range t.All {
		add(x.Name)
	}
	for _, n := range t.Named {
		add(n)
	}
	return found
}

// A Sampler tells what some of a table's rows say of the time until [Patience] ago.
type Sampler func(*cdc.Table) (cassandra.Sample, error)

// Arrivals compares the tables of some keyspaces with what has arrived of them. With
// no keyspace given it does so for all, and takes it that tables whose topics the
// source does not read are another's.
func Arrivals(tables []cassandra.Listing, keyspaces []string, topics Topics, sample Sampler) (found []Finding) {
	prefixes := topics.prefixes(tables)
	wanted := func(l cassandra.Listing) bool {
		for p := range prefixes {
			if topics.Reads(p + suffix(l)) {
				return true
			}
		}
		return len(prefixes) == 0 // no topic has come yet
	}
	plain := map[string][]string{} // tables without CDC, by keyspace
	for _, l := range tables {
		switch {
		case len(keyspaces) > 0 && !slices.Contains(keyspaces, l.Keyspace):
		case !l.CDC && topics.named(l) != "":
			found = append(found, failure("table "+l.String(), fault.NotCaptured, "the source reads topic %s, and the table has not cdc = true", topics.named(l)))
		case !l.CDC && wanted(l):
			plain[l.Keyspace] = append(plain[l.Keyspace], cdc.QuoteIdent(l.Name))
		case !l.CDC, l.Table == nil, l.Table.Counter():
		case !wanted(l):
			if len(keyspaces) > 0 {
				found = append(found, warning("table "+l.String(), fault.TopicUnread, "it has cdc = true, and the source does not read its topic"))
			}
		default:
			if f, ok := arrival(l, topics.of(l), sample); ok {
				found = append(found, f)
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(plain)) {
		found = append(found, warning("keyspace "+cdc.QuoteIdent(k), fault.NotCaptured, "these tables have not cdc = true, and the source would read them: %s", strings.Join(plain[k], ", ")))
	}
	return found
}

// arrival compares one table with its topics.
func arrival(l cassandra.Listing, read []kafka.Topic, sample Sampler) (Finding, bool) {
	about := "table " + l.String()
	s, err := sample(l.Table)
	if err != nil {
		return Finding{about, false, &fault.Fault{Code: fault.CodeOf(err), Err: fmt.Errorf("whether changes arrive cannot be told: %w", err)}}, true
	}
	written := time.UnixMicro(s.Newest)
	var ended int64
	var newest time.Time
	for _, t := range read {
		ended += t.Ended
		if t.Newest.After(newest) {
			newest = t.Newest
		}
	}
	switch {
	case ended == 0 && s.Rows == 0:
		return warning(about, fault.AgentAwaited, "it has cdc = true, and neither rows nor a topic with records"), true
	case ended == 0 && s.Newest == 0 && s.Newer:
		return warning(about, fault.AgentAwaited, "it has cdc = true and rows of the last minute, and no topic with records"), true
	case ended == 0:
		return failure(about, fault.AgentSilent, "it has cdc = true and rows, and no topic with records"), true
	case !newest.IsZero() && written.Sub(newest) > Patience:
		return failure(about, fault.AgentBehind, "it has a row written at %s, and the newest record of topic %s is of %s",
			written.UTC().Format(time.RFC3339), read[0].Name, newest.UTC().Format(time.RFC3339)), true
	}
	return Finding{}, false
}
