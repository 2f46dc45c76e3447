package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"cdcpipe/cmd/cdcpipe/agent"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sources/cassandra"
	"cdcpipe/sources/kafka"
	"cdcpipe/stages"
)

// What a look at a table's rows may cost: doctor asks for these many of each.
const (
	sampledRows   = 100
	sampleTimeout = 5 * time.Second
)

// changes looks whether the changes of Cassandra's tables arrive, and will go on to.
func (d *doctor) changes(s *spec.Spec, built *spec.Built) {
	if s.Config.Schema.Cassandra == nil {
		return
	}
	where, err := cassandraConfig(s.Config.Schema.Cassandra)
	if err != nil {
		d.failed("agent", err, fails)
		return
	}
	where.PageSize = sampledRows
	schema, err := cassandra.NewSchema(where)
	if err != nil {
		d.failed("agent", err, fails)
		return
	}
	defer schema.Close()
	d.check("CDC of Cassandra", func(ctx context.Context) (string, error) {
		on, err := schema.CDCEnabled(ctx)
		if err == nil && !on {
			err = fault.New(fault.CDCDisabled, "the node that answered has cdc_enabled: false")
		}
		return "cdc_enabled: true on the node that answered", err
	})
	var tables []cassandra.Listing
	d.check("tables in Cassandra", func(ctx context.Context) (_ string, err error) {
		tables, err = schema.Survey(ctx)
		captured := 0
		for _, l := range tables {
			if l.CDC {
				captured++
			}
		}
		return fmt.Sprintf("%d, of which %d have cdc = true", len(tables), captured), err
	})
	found := append(agent.Shapes(tables), agent.Repairs(tables, replicated(&s.Config), ofFacts(built))...)
	if k, ok := built.Source.(*kafka.Source); ok && tables != nil {
		var topics []kafka.Topic
		d.check("topics in Kafka", func(ctx context.Context) (_ string, err error) {
			topics, err = k.Survey(ctx)
			return strconv.Itoa(len(topics)), err
		})
		if topics != nil {
			arrivals, err := d.arrivals(where, tables, replicated(&s.Config), agent.Topics{All: topics, Reads: k.Reads, Named: k.Named()})
			if err != nil {
				d.failed("changes", err, fails)
			}
			found = append(found, arrivals...)
		}
	}
	if y := s.Config.Canary; y != nil && tables != nil {
		found = append(found, agent.Perch(tables, y.Keyspace, y.Table)...)
	}
	for _, f := range found {
		severity := warns
		if f.Fails {
			severity = fails
		}
		d.failed(f.About, f.Err, severity)
	}
}

// ofFacts tells the tables whose changes the pipeline reads back.
func ofFacts(built *spec.Built) func(*cdc.Table) bool {
	return func(t *cdc.Table) bool {
		return slices.ContainsFunc(built.Stages, func(stage any) bool {
			h, ok := stage.(*stages.Hydrate)
			return ok && h.MapTables([]*cdc.Table{t})[0].Facts
		})
	}
}

// replicated returns the keyspaces that a file names, with the canary's.
func replicated(c *spec.Config) []string {
	keyspaces := slices.Clone(c.Schema.Cassandra.Keyspaces)
	if c.Canary != nil && len(keyspaces) > 0 {
		keyspaces = append(keyspaces, c.Canary.Keyspace)
	}
	return keyspaces
}

// arrivals asks the tables and compares. What one table may take is bounded; all of
// them together take what they take.
func (d *doctor) arrivals(where cassandra.Config, tables []cassandra.Listing, keyspaces []string, topics agent.Topics) ([]agent.Finding, error) {
	reader, err := cassandra.NewReader(where)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	until := time.Now().Add(-agent.Patience).UnixMicro()
	return agent.Arrivals(tables, keyspaces, topics, func(t *cdc.Table) (cassandra.Sample, error) {
		ctx, cancel := context.WithTimeout(d.ctx, sampleTimeout)
		defer cancel()
		return reader.Sample(ctx, t, sampledRows, until)
	}), nil
}
