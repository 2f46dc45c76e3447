package fault

// Faults of writing to a target.
const (
	NoTargetValue   Code = "CDC-4001"
	ValueRefused    Code = "CDC-4002"
	ConstraintBroke Code = "CDC-4003"
	ObjectInTheWay  Code = "CDC-4004"
	NoPermission    Code = "CDC-4005"
	TargetDown      Code = "CDC-4006"
	TargetTooOld    Code = "CDC-4007"
	TargetReadOnly  Code = "CDC-4008"
	NoDatabase      Code = "CDC-4009"
	StatementFailed Code = "CDC-4010"
	LayoutTooNew    Code = "CDC-4011"
	OutletDown      Code = "CDC-4012"
	MigrationFailed Code = "CDC-4013"
	TargetBusy      Code = "CDC-4014"
)

func sinkEntries() []Entry {
	return []Entry{
		{NoTargetValue, "value has no PostgreSQL form", "The value lies outside the PostgreSQL type's range (docs/reference/types.md): map the column to another type with sink.types, then replay the record."},
		{ValueRefused, "PostgreSQL refused a value", "Read PostgreSQL's message; correct the row in Cassandra or the column's mapping, then replay the record."},
		{ConstraintBroke, "constraint violated", "A constraint or trigger was added to the replica's tables by hand: remove it, then replay the record."},
		{ObjectInTheWay, "object in the way", "A table or view that cdcpipe did not make has the name it needs: rename or drop it, or route the table elsewhere with transform."},
		{NoPermission, "permission missing", "Grant the role what the message names; docs/reference/postgres.md has the least set of rights."},
		{TargetDown, "PostgreSQL unreachable", "Check the address, the network and the server. A pipeline that runs already goes on by itself once it answers."},
		{TargetTooOld, "PostgreSQL version not supported", "Use PostgreSQL 14 or newer."},
		{TargetReadOnly, "PostgreSQL is read-only", "The address leads to a standby or a read-only database: point it at the primary (target_session_attrs=read-write)."},
		{NoDatabase, "database does not exist", "Create the database, or correct the name in sink.dsn."},
		{StatementFailed, "statement failed", "PostgreSQL refused a statement that cdcpipe made: read its message, and report it if nothing on the server explains it."},
		{LayoutTooNew, "replica made by a newer cdcpipe", "Run the version that made it, or a newer one."},
		{OutletDown, "outlet cannot be written", "Check the outlet's target; the pipeline holds back until it answers, nothing is lost."},
		{MigrationFailed, "migration cannot be applied", "Something in cdcpipe's own schema is not as cdcpipe left it, as PostgreSQL's message says: mend it, then run cdcpipe migrate up; what was applied before stays."},
		{TargetBusy, "PostgreSQL busy or at a limit", "The batch is tried again by itself; if it lasts, look for who holds locks (pg_stat_activity), for disk space, and for max_connections, as the message says."},
	}
}
