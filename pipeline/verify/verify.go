// Package verify compares a replica with Cassandra, and heals it.
//
// A table is compared by digests first. Every row, and the static columns of every
// partition, falls into one of many buckets by the token of its partition key, and a
// bucket's digest is the sum of theirs, so that either side may be read in its own
// order. Rows are looked at only in buckets that differ.
//
// It works while writes go on. What differs is read again after a while, and counts
// only if what the replica has is still the same and still wrong.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Cassandra is what is true.
type Cassandra interface {
	cdc.Reader

	// ReadTokens calls yield for every row with from < token <= to, those of a
	// partition one after another.
	ReadTokens(ctx context.Context, t *cdc.Table, from, to int64, yield func(cdc.Reading) error) error
}

// A Replica is what is compared, by the tables that it has.
type Replica interface {
	// Scan calls yield for every row that who reads the replica sees, and for the
	// static columns of every partition that have values.
	Scan(ctx context.Context, t *cdc.Table, yield func(*cdc.Held) error) error

	// Hold reads anew what it has of those that hs name, and writes it over them.
	Hold(ctx context.Context, t *cdc.Table, hs []*cdc.Held) error
}

// Config says how to compare. Its zero value is usable.
type Config struct {
	// Map makes of a change what the replica is given, nil for what it does without.
	// By default that is the change itself.
	Map func(*cdc.Change) (*cdc.Change, error)

	// Repair merges changes that [Config.Map] has made into the replica, and returns
	// the positions of those that it refuses. Without it nothing is healed.
	Repair func(ctx context.Context, changes []*cdc.Change) (refused []int, err error)

	// Settle is how long a difference must last. It should be longer than what the
	// stream is behind. Defaults to 10s.
	Settle time.Duration

	// Tolerance is by how many seconds expiries may differ. Defaults to 1.
	Tolerance int64

	// Parallel is how many reads of Cassandra go on at a time. Defaults to 4.
	Parallel int

	// Rows bounds what is held in memory of rows that may differ. Defaults to 200 000.
	Rows int

	// Limit is after how many differing rows of a table no more are looked for; with
	// Repair it is how many are healed at a time. Defaults to 10 000.
	Limit int

	// Found is called for each difference, by one goroutine.
	Found func(Difference)

	// Progress is called now and then with how much of a table was read. It may be
	// called concurrently.
	Progress func(t *cdc.Table, what string, done, of int64)
}

func (c Config) withDefaults() Config {
	if c.Map == nil {
		c.Map = func(c *cdc.Change) (*cdc.Change, error) { return c, nil }
	}
	if c.Settle == 0 {
		c.Settle = 10 * time.Second
	}
	if c.Tolerance == 0 {
		c.Tolerance = 1
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.Rows == 0 {
		c.Rows = 200_000
	}
	if c.Limit == 0 {
		c.Limit = 10_000
	}
	if c.Found == nil {
		c.Found = func(Difference) {}
	}
	if c.Progress == nil {
		c.Progress = func(*cdc.Table, string, int64, int64) {}
	}
	return c
}

// A Result is what came of one table.
type Result struct {
	Table       string `json:"table"`
	Rows        int64  `json:"rows"`        // that Cassandra has, and partitions with static values
	Suspects    int64  `json:"suspects"`    // looked at by themselves
	Differing   int64  `json:"differing"`   // of them, those that differ
	Differences int64  `json:"differences"` // in them
	Repaired    int64  `json:"repaired"`    // rows that were healed
	Truncated   bool   `json:"truncated"`   // more may differ
}

// A check compares one table.
type check struct {
	cfg       Config
	cassandra Cassandra
	replica   Replica
	from, to  *cdc.Table // as Cassandra and as the replica has it
	result    Result
}

// Table compares table t of Cassandra, with Facts set as it is for the stream, with
// table to of the replica, which [Config.Map] makes of it.
func Table(ctx context.Context, cfg Config, cassandra Cassandra, replica Replica, t, to *cdc.Table) (Result, error) {
	c := &check{cfg: cfg.withDefaults(), cassandra: cassandra, replica: replica, from: t, to: to, result: Result{Table: t.String()}}
	err := c.run(ctx)
	if err != nil {
		err = fmt.Errorf("compare %s: %w", t, err)
	}
	return c.result, err
}

func (c *check) run(ctx context.Context) error {
	sums, err := c.digest(ctx)
	if err != nil {
		return err
	}
	for _, chunk := range sums.chunks(c.cfg.Rows) {
		if chunk.rows > int64(c.cfg.Rows) {
			return fault.New(fault.ReadTooLarge, "partitions with tokens from %d to %d have %d rows, and differ: more than the %d that are compared at a time",
				chunk.low(), chunk.high(), chunk.rows, c.cfg.Rows)
		}
		suspects, err := c.suspects(ctx, sums, chunk)
		if err != nil {
			return err
		}
		more, err := c.judge(ctx, suspects)
		if err != nil {
			return err
		}
		if !more {
			c.result.Truncated = true
			return nil
		}
	}
	return nil
}

var errKeyMapped = errors.New("its partition key is not Cassandra's in the replica (transform.hash): rows cannot be found by it")
