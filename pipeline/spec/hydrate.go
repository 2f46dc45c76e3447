package spec

import (
	"context"
	"errors"
	"slices"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// The stages that events are made into changes by, and that asks Cassandra what
// they do not say.
const (
	decodeStage  = "decode"
	hydrateStage = "hydrate"
)

// hydrate adds the stage of that name to a file that names a Cassandra and has none:
// whoever can ask for what events lose does, unless the file says never.
func (l *loader) hydrate(root *node) {
	cluster, stages := root.get("schema").get("cassandra"), root.get("stages")
	if _, known := l.registry.Part(pipeline.StageKind, hydrateStage); !known || cluster == nil || stages == nil {
		return
	}
	uses := func(name string) func(*node) bool {
		return func(n *node) bool {
			u := n.get("use")
			return n.Kind == text && n.Text == name || u != nil && u.Text == name
		}
	}
	at := slices.IndexFunc(stages.Items, uses(decodeStage))
	if at < 0 || slices.ContainsFunc(stages.Items, uses(hydrateStage)) {
		return
	}
	use := &node{Kind: text, Text: hydrateStage, At: cluster.At}
	stages.Items = slices.Insert(stages.Items, at+1, &node{Kind: mapping, At: cluster.At, Entries: []entry{{"use", cluster.At, use}}})
}

// unread stands for a Cassandra while parts are built on trial.
type unread struct{}

var errUnread = errors.New("no Cassandra is asked while a file is checked")

func (unread) ReadRows(context.Context, *cdc.Table, []cdc.Value, [][]cdc.Value) ([]cdc.Reading, error) {
	return nil, errUnread
}

func (unread) ReadPrefix(context.Context, *cdc.Table, []cdc.Value, func(cdc.Reading) error) error {
	return errUnread
}
