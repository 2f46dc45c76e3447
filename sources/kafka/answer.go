package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/fault"
)

// A class says what the source does about an error that Kafka answers with.
type class uint8

const (
	passes   class = iota // the client tries again by itself; it is logged
	rejoins               // the client joins the group again by itself; it is logged
	lost                  // on_lost_offset decides
	replaced              // the topic is looked at: whether it was deleted, or made anew
	stops                 // the pipeline stops: an operator must decide
)

// fetchClass returns what the source does about an answer to a fetch, and with
// which code it stops. docs/reference/retries.md lists every answer.
func fetchClass(err error) (class, fault.Code) {
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return lost, fault.OffsetLost
	case errors.Is(err, kerr.UnknownTopicID):
		return replaced, fault.TopicRecreated
	case kafkaconn.Denied(err):
		return stops, fault.SourceDenied
	case kerr.IsRetriable(err):
		return passes, ""
	}
	return stops, fault.FetchRefused
}

// groupRefused are answers to a member that no waiting changes.
var groupRefused = []*kerr.Error{
	kerr.InconsistentGroupProtocol, kerr.InvalidGroupID, kerr.InvalidSessionTimeout, kerr.GroupMaxSizeReached,
	kerr.UnsupportedAssignor, kerr.UnsupportedVersion, kerr.InvalidRegularExpression,
}

// groupClass is [fetchClass] of answers to a member of the group, which most survive
// by joining again.
func groupClass(err error) (class, fault.Code) {
	for _, e := range groupRefused {
		if errors.Is(err, e) {
			return stops, fault.GroupRefused
		}
	}
	switch {
	case kafkaconn.Denied(err):
		return stops, fault.SourceDenied
	case errors.Is(err, kerr.FencedInstanceID), errors.Is(err, kerr.UnreleasedInstanceID):
		return stops, fault.InstanceTaken
	}
	return rejoins, ""
}
