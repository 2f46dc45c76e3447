package kafka

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
)

// name returns what the engine calls a partition of a topic: topic/3.
func name(topic string, partition int32) pipeline.Partition {
	return pipeline.Partition(topic + "/" + strconv.Itoa(int(partition)))
}

// split is the inverse of name. It reports false for a partition that is not of
// this source.
func split(p pipeline.Partition) (topic string, partition int32, ok bool) {
	i := strings.LastIndexByte(string(p), '/')
	if i < 1 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(string(p)[i+1:], 10, 32)
	if err != nil || n < 0 {
		return "", 0, false
	}
	return string(p)[:i], int32(n), true
}

func names(m map[string][]int32) (ps []pipeline.Partition) {
	for t, is := range m {
		for _, i := range is {
			ps = append(ps, name(t, i))
		}
	}
	return ps
}

// byTopic returns those of ps that may be this source's, as the client takes them.
func byTopic(ps []pipeline.Partition) map[string][]int32 {
	m := map[string][]int32{}
	for _, p := range ps {
		if t, i, ok := split(p); ok {
			m[t] = append(m[t], i)
		}
	}
	return m
}

// A topicID is what a topic that is deleted and created anew does not keep
// (KIP-516). It is the log of a mark, in base64; the epoch of a mark is the
// leader's, by which Kafka tells where a log was truncated (KIP-320).
type topicID [16]byte // zero if unknown

// String returns id as Kafka's tools print it, empty if it is unknown.
func (id topicID) String() string {
	if id == (topicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// after returns the place behind m, to read from or to commit.
func after(m pipeline.Mark) kgo.EpochOffset {
	return kgo.EpochOffset{Epoch: m.Epoch, Offset: m.Offset + 1}
}
