// Package pipeline moves records from a source, through stages, to sinks.
//
//	          ┌────────┐   ┌───────┐   ┌───────┐   ┌──────┐
//	partitions│ Source │──▶│ Stage │──▶│ Stage │──▶│ Sink │
//	          └────────┘   └───┬───┘   └───┬───┘   └──┬───┘
//	              ▲            │ outlets   │          │
//	              │            └─────┬─────┴──────────┘
//	              │ marks            ▼
//	          ┌───┴────┐         ┌────────┐
//	          │ Ledger │◀────────│  Sink  │  dead letters, invalid, stale
//	          └────────┘ settles └────────┘
//
// A source yields batches of one partition each. Batches travel through bounded
// channels; what a step makes of one is the next step's batch. A pipeline is wired
// with functions, [From], [Then], [To] and [Bind], so that the compiler checks
// that each step takes what the one before it makes:
//
//	p := pipeline.New("apply", pipeline.Config{})
//	raw := pipeline.From(p, "log", src)
//	rows := pipeline.Then(raw, "decode", pipeline.Map(decode), pipeline.Workers(4))
//	rows = pipeline.KeyBy(rows, row.hash)
//	pipeline.To(rows, "table", table, pipeline.Lanes(8), pipeline.Batches(500, 50*time.Millisecond))
//	pipeline.Bind(p, pipeline.DeadLetter, rejects)
//	err := p.Run(ctx)
//
// # Settlement
//
// Nothing in this package acknowledges a record, so nothing can do so too early.
// A batch gets a ticket when it is read, and every record derived from it carries
// the ticket, by its header. A record settles when a sink has written it, when it
// is dropped under a name, or when the sink of an outlet has written it. When all
// records of a ticket have settled, and all tickets of the partition before it,
// its mark may be committed.
//
// # Errors
//
// What a stage or sink returns says what happens:
//
//	nil                        the records go on, or settle
//	Divert, Permanent          about a record: it leaves by an outlet. Returned for a
//	                           batch, the batch is halved until the culprit is alone
//	*Failures (sinks)          some records failed; all others are durable
//	Fatal                      the pipeline stops; nothing unsettled is committed
//	anything else              about the world: tried again, behind a circuit
//	                           breaker, holding back what follows. See Retry
//
// # Guarantees
//
//  1. Nothing is committed before it is durable. A mark is committed only when
//     every record at or before it has been written, diverted or dropped, and only
//     while its partition is owned.
//  2. Nothing disappears. Each record a step receives is emitted, merged,
//     dropped by name or diverted by name; anything else stops the pipeline.
//  3. Order is kept within a key. Workers keep the order of batches; lanes keep
//     the order of keys; retries hold back what follows them.
//  4. Memory is bounded. [Config.InFlight] and [Config.InFlightBytes] cap what is
//     read but unsettled, every channel is bounded, so that a slow sink slows the
//     source, and so is what is held back of paused partitions. Besides these
//     there is one batch in the reader's hand, and what stages make of a record.
//  5. Shutdown drains. When Run's context ends reading stops, what is in flight
//     finishes or is abandoned after [Config.DrainTimeout], and marks are
//     committed last.
//  6. A replay changes nothing. A failed attempt leaves no trace: what a stage made
//     in it is discarded, and the next attempt sees the same batch. Marks never go
//     back within a claim. Sinks are idempotent by contract, which
//     pipelinetest.SinkSuite checks.
//
// Delivery is at least once: after a crash, what was in flight is read again. The
// places that enforce a guarantee name its number.
package pipeline
