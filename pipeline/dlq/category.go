package dlq

import (
	"strings"

	"cdcpipe/pipeline/fault"
)

// A Category says what is to be done with a letter.
type Category string

// The categories.
const (
	// Transient is for what a server or the network did: the record is sent again.
	Transient Category = "transient"

	// Data is for what is wrong with the record itself: it is exported, for those who
	// can correct it, and stays open.
	Data Category = "invalid"

	// Other is for all that is left, such as definitions that cannot be followed: it is
	// archived, and may be replayed by hand once the cause is gone.
	Other Category = "other"
)

// CategoryOf returns the category of a letter with that code.
func CategoryOf(c fault.Code) Category {
	switch c {
	case fault.TargetDown, fault.TargetReadOnly, fault.TargetBusy, fault.OutletDown, fault.StatementFailed,
		fault.SchemaUnreached, fault.BrokerDown, fault.CassandraDown, fault.CassandraLate, fault.RedisDown:
		return Transient
	case fault.NoTargetValue, fault.ValueRefused, fault.ConstraintBroke:
		return Data
	}
	if strings.HasPrefix(string(c), "CDC-1") || strings.HasPrefix(string(c), "CDC-2") { // of reading and of checking it
		return Data
	}
	return Other
}
