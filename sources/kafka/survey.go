package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"cdcpipe/coord/kafkaconn"
)

// A Topic is a topic of the cluster as it stands.
type Topic struct {
	Name   string
	Read   bool      // whether the source reads it
	Ended  int64     // records that were ever written to it, as far as offsets tell; 0 if it is not read
	Newest time.Time // timestamp of its newest record, zero if it has none or is not read
}

// Survey lists the cluster's topics by name, without joining the group. It is for
// whoever looks whether what should arrive does.
func (s *Source) Survey(ctx context.Context) ([]Topic, error) {
	cl, err := kafkaconn.Dial(ctx, s.cfg.connection(), s.log, s.extra...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	meta, err := admin.Metadata(ctx)
	if err != nil {
		return nil, judge(fmt.Errorf("ask for topics: %w", err))
	}
	topics := map[string]*Topic{}
	var read []string
	for name, t := range meta.Topics {
		if t.Err != nil || t.IsInternal {
			continue
		}
		topics[name] = &Topic{Name: name, Read: s.Reads(name)}
		if topics[name].Read {
			read = append(read, name)
		}
	}
	if len(read) > 0 { // else all topics are listed
		if err := s.ends(ctx, admin, topics, read); err != nil {
			return nil, err
		}
	}
	all := make([]Topic, 0, len(topics))
	for _, t := range topics {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// ends fills in where topics end (KIP-734 for the newest record's timestamp).
func (s *Source) ends(ctx context.Context, admin *kadm.Client, topics map[string]*Topic, names []string) error {
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return judge(fmt.Errorf("ask for the ends of topics: %w", err))
	}
	newest, err := admin.ListMaxTimestampOffsets(ctx, names...)
	if err == nil {
		err = newest.Error()
	}
	if err != nil {
		return judge(fmt.Errorf("ask for the newest records of topics: %w", err))
	}
	ends.Each(func(o kadm.ListedOffset) { topics[o.Topic].Ended += max(o.Offset, 0) })
	newest.Each(func(o kadm.ListedOffset) {
		if t := topics[o.Topic]; o.Timestamp > 0 && t.Newest.Before(time.UnixMilli(o.Timestamp)) {
			t.Newest = time.UnixMilli(o.Timestamp)
		}
	})
	return nil
}

// Reads reports whether the source would read a topic of that name.
func (s *Source) Reads(topic string) bool { return s.cfg.reads(topic) }

// Named returns the topics that the source is given by name.
func (s *Source) Named() []string { return s.cfg.Topics }
