package fault

// Faults of age.
const (
	StaleLost   Code = "CDC-5001"
	StaleTooOld Code = "CDC-5002"
)

func staleEntries() []Entry {
	return []Entry{
		{StaleLost, "older than what the replica has", "Nothing to do: every cell of the event lost to a newer one, as it does in Cassandra."},
		{StaleTooOld, "older than the threshold", "Switch backfill on while old data is loaded on purpose (stale_check.backfill, or POST /v1/backfill), then replay the record."},
	}
}
