package fault

// Faults of configuration. Those from 6101 on are doubts: the configuration works.
const (
	ConfigSyntax    Code = "CDC-6001"
	ConfigUnknown   Code = "CDC-6002"
	ConfigType      Code = "CDC-6003"
	ConfigValue     Code = "CDC-6004"
	ConfigOrder     Code = "CDC-6005"
	ConfigOutlet    Code = "CDC-6006"
	ConfigReference Code = "CDC-6007"
	ConfigPart      Code = "CDC-6008"
	ConfigFile      Code = "CDC-6009"
	ConfigVersion   Code = "CDC-6010"
	ConfigUsage     Code = "CDC-6011"
	ConfigBatch     Code = "CDC-6101"
	ConfigDrain     Code = "CDC-6102"
	ConfigDiscard   Code = "CDC-6103"
	ConfigSecret    Code = "CDC-6104"
	ConfigExposed   Code = "CDC-6105"
	ConfigInexact   Code = "CDC-6106"
)

func configEntries() []Entry {
	return []Entry{
		{ConfigSyntax, "not valid YAML", "Correct the line that the message names."},
		{ConfigUnknown, "unknown key", "Remove the key or use the one suggested; cdcpipe config schema lists all."},
		{ConfigType, "wrong type", "Give a value of the type that the message names."},
		{ConfigValue, "value not allowed", "Give a value within the bounds that the message names."},
		{ConfigOrder, "stages in an order that cannot work", "Put the stages in the order decode, hydrate, validate, schema_check, stale_check, transform, batch."},
		{ConfigOutlet, "outlet missing or unknown", "Bind every outlet that a stage uses under outlets; discard is one of the sinks."},
		{ConfigReference, "reference cannot be resolved", "Set the variable, mount the file or store the secret that the message names."},
		{ConfigPart, "no such source, stage or sink", "Use one of the names that the message lists."},
		{ConfigFile, "configuration file unreadable", "Check the path and its permissions."},
		{ConfigVersion, "configuration version not supported", "This cdcpipe reads version 1."},
		{ConfigUsage, "wrong use of the command", "Read the command's --help."},
		{ConfigBatch, "batches larger than the limits", "Make batches smaller, lanes fewer or limits larger: a batch fills only from what is in flight."},
		{ConfigDrain, "drain timeout short", "Give limits.drain_timeout the time that the target needs for a batch."},
		{ConfigDiscard, "outlet loses records", "Bind the outlet to a topic or a table if its records matter."},
		{ConfigSecret, "secret in the configuration", "Keep secrets out of the file with ${env:NAME}, ${file:/path} or ${vault:path#key}."},
		{ConfigInexact, "columns that cannot be exact", "Give schema.cassandra, so that the stage hydrate reads them back; or set schema.inexact: refuse."},
		{ConfigExposed, "admin API open to the network", "Give admin.token, or let admin.listen be a loopback address."},
	}
}
