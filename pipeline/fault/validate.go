package fault

// Faults of checking a change against rules.
const (
	RequiredColumn Code = "CDC-2001"
	ValueTooLarge  Code = "CDC-2002"
	NulInText      Code = "CDC-2003"
	RuleFailed     Code = "CDC-2004"
	TooManyCells   Code = "CDC-2005"
)

func validateEntries() []Entry {
	return []Entry{
		{RequiredColumn, "required column is null or missing", "Correct the row in Cassandra, or take the requirement out of the stage validate."},
		{ValueTooLarge, "value too large", "Raise validate.max_value_bytes if values of this size are expected."},
		{NulInText, "NUL character in text", "PostgreSQL's text cannot hold U+0000: correct the row in Cassandra, or map the column to bytea with transform."},
		{RuleFailed, "rule failed", "Correct the row in Cassandra, or change the rule in the stage validate."},
		{TooManyCells, "collection too large", "Raise validate.max_elements if collections of this size are expected."},
	}
}
