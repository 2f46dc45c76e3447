// Package dlq works on letters, what left a pipeline by an outlet: it finds them in
// PostgreSQL ([Store]), sends them through the pipeline again ([Resubmitter]), checks
// corrections before that ([Check], [Document]), writes them to files ([Exporter]) and
// does what needs nobody to decide by itself ([Processor]).
//
// # What can be relied on
//
// A letter is sent again as it was read, or with a corrected value, to the topic that
// it came from and under its key, so that it passes through every stage again. It is
// marked once the brokers have it. Whoever is killed in between sends it again, which
// changes nothing: the merge is idempotent. Every event carries how often it was sent
// again ([HeaderCount]) wherever it goes, also into the next letter, and one that has
// reached its limit is left to people; so there is no loop.
//
// Every change of a letter's state stands in the table letter_audit, of the same
// transaction.
package dlq
