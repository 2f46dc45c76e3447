package file

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// Register adds the source, and the stage that goes with it, to r.
func Register(r *plugin.Registry) {
	plugin.Source(r, "file", "replays captured events from files", DefaultConfig(),
		func(env plugin.Env, c Config) (pipeline.Source[*cdc.Event], error) {
			c.Path = env.Path(c.Path)
			return New(c)
		})
	plugin.Judge(r, "malformed_lines", "sends lines that the file source cannot read to the dead letters", struct{}{},
		func(plugin.Env, struct{}) (pipeline.Judge, error) { return Malformed, nil })
}
