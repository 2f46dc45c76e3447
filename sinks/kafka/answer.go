package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A class says what becomes of a record that Kafka answers about with an error.
type class uint8

const (
	again     class = iota // the batch is written again, for as long as it lasts
	topicGone              // so it is, after the topic was looked for and created
	tooLarge               // the record is written alone, and then cut or diverted
	written                // the record is there: an answer that was lost said so before
)

// classify returns what is done about an answer to a write, or an error of the
// client's own. docs/reference/retries.md lists every answer.
func classify(err error) class {
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge): // than the topic takes; than one of its segments
		return tooLarge
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		return topicGone
	case errors.Is(err, kerr.DuplicateSequenceNumber): // the client takes it for success itself
		return written
	}
	return again
}
