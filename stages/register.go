// Package stages holds what happens to change events between source and sink:
// one file each, named as in a pipeline's file.
package stages

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// Register adds every stage to r.
func Register(r *plugin.Registry) {
	plugin.Stage(r, "decode", "makes changes of Debezium's events, JSON or Avro", DefaultDecode(),
		func(env plugin.Env, c DecodeConfig) (pipeline.Stage[*cdc.Event, *cdc.Change], error) {
			return NewDecode(c, env.Catalog)
		})
	plugin.Stage(r, "hydrate", "reads back from Cassandra what change events cannot say", DefaultHydrate(),
		func(env plugin.Env, c HydrateConfig) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
			return NewHydrate(c, env.Reader, env.Catalog)
		})
	plugin.Stage(r, "validate", "diverts changes that break a rule", DefaultValidate(),
		func(env plugin.Env, c ValidateConfig) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
			v, err := NewValidate(c, env.Logger)
			if err != nil {
				return nil, err
			}
			return v, v.Fits(env.Tables)
		})
	plugin.Stage(r, "schema_check", "diverts changes of tables whose definition cannot be followed", DefaultSchemaCheck(),
		func(env plugin.Env, c SchemaCheckConfig) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
			if c.Inexact == "" {
				c.Inexact = env.Inexact
			}
			return NewSchemaCheck(c, env.Logger)
		})
	plugin.Stage(r, "stale_check", "refuses old changes, if asked to", DefaultStaleCheck(),
		func(_ plugin.Env, c StaleCheckConfig) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
			return NewStaleCheck(c, nil)
		})
	plugin.Stage(r, "transform", "renames, drops, masks, hashes, routes, filters and derives", TransformConfig{},
		func(env plugin.Env, c TransformConfig) (pipeline.Stage[*cdc.Change, *cdc.Change], error) {
			return NewTransform(c, env.Logger)
		})
	plugin.Gather(r, "batch", "gathers changes into batches for the sink", DefaultBatch(),
		func(_ plugin.Env, c BatchConfig) (pipeline.Gatherer, error) { return NewBatch(c) })
}
