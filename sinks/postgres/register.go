package postgres

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// Register adds the sink and the outlet to r.
func Register(r *plugin.Registry) {
	plugin.Sink(r, "postgres", "keeps an exact replica in PostgreSQL", DefaultConfig(),
		func(env plugin.Env, c Config) (pipeline.Sink[*cdc.Change], error) {
			return New(c, env.Pipeline, env.Tables, env.Logger)
		})
	plugin.Outlet(r, "postgres", "keeps records in a table of PostgreSQL", DefaultLettersConfig(),
		func(env plugin.Env, c LettersConfig) (pipeline.Sink[pipeline.Reject], error) {
			return NewLetters(c, env.Pipeline, env.Logger)
		})
}
