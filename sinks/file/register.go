package file

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/plugin"
)

// Register adds the outlet to r.
func Register(r *plugin.Registry) {
	plugin.Outlet(r, "file", "keeps records in files, one for each outlet", DefaultConfig(),
		func(env plugin.Env, c Config) (pipeline.Sink[pipeline.Reject], error) {
			c.Directory = env.Path(c.Directory)
			return NewLetters(c, env.Logger)
		})
}
