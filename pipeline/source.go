package pipeline

import "context"

// A Source yields batches and remembers how far they have been handled.
//
// Open acquires resources and may begin to assign partitions.
//
// Read blocks until it has a batch or ctx ends. It returns [io.EOF] when the
// source is exhausted, which drains and ends the pipeline. Any other error stops
// the pipeline; a source that can reconnect reconnects inside Read. Read is
// called by one goroutine at a time and never after its ctx has ended.
//
// Commit records that everything up to each mark has settled. Marks never move
// backwards. Commit is never called concurrently with itself, but may be called
// while a Read is blocked. It must end soon after ctx does, and must not wait for
// a call of [Partitions.Revoke], which waits for it. An error is tried again
// later, unless it is [Fatal].
type Source[T any] interface {
	Open(ctx context.Context, parts Partitions) error
	Read(ctx context.Context) (Batch[T], error)
	Commit(ctx context.Context, marks []Mark) error
}

// Partitions is how a source tells the engine which partitions it owns, and asks
// where to begin. It may be used from any goroutine, from Open until Close.
//
// A source with a fixed set need not assign: a partition is assumed assigned when
// its first batch arrives, until the source calls Assign or Revoke.
type Partitions interface {
	// Assign takes ownership of p. Batches read under this assignment carry the
	// claim, so that one read just before p was lost and regained is not
	// mistaken for one read after. A partition that is owned already counts as lost
	// and regained: it is to be read after its marks of record again.
	Assign(p Partition) Claim

	// Resume returns the marks of record of those of ps that have one, from
	// [Config.Offsets]: reading begins after them. It returns none, and no error,
	// when no Offsets are configured. Partitions are assigned first.
	Resume(ctx context.Context, ps ...Partition) ([]Mark, error)

	// Revoke gives ps up. From its first moment no more batches of theirs are
	// taken. It waits until what is in flight has settled or ctx ends, whichever
	// is first, and returns the final marks, which the source commits on its
	// side. They have been saved to [Config.Offsets] already; what could not be
	// saved before ctx ended is left out, and will be read again.
	//
	// No mark of a revoked claim is committed by the engine after Revoke has
	// returned. Records that outlast ctx may still be written by the sinks; their
	// idempotence makes that harmless. For partitions that are lost already, pass
	// a context that has ended: nothing is waited for and nothing saved.
	Revoke(ctx context.Context, ps ...Partition) []Mark
}

// A Claim is one assignment of one partition. The zero Claim stands for
// whichever is current.
type Claim struct{ ledger *ledger }

// A Pauser is a source that can stop fetching some of its partitions. Both
// methods may be called while Read or Commit is running, and return without
// waiting for either. A batch of a paused partition that comes nevertheless is
// held back by the engine. A source whose only rest is paused is not exhausted.
type Pauser interface {
	PausePartitions(ps ...Partition)
	ResumePartitions(ps ...Partition)
}

// An Ender is a source that knows where its partitions end at present: Ends returns,
// for those that it owns and has heard of, the offset that the next record to be
// appended will have. It must not block, and may be called at any time after Open.
type Ender interface {
	Ends() map[Partition]int64
}

// An Opener is a stage or sink that acquires resources before use. Sinks are
// opened before stages and the source last. An error ends Run.
type Opener interface {
	Open(ctx context.Context) error
}

// A Closer is any source, stage or sink that holds resources. Close is called
// exactly once by Run, after the last call to any other method, the source's
// first. It is called even if Open was never called, or failed.
type Closer interface {
	Close(ctx context.Context) error
}
