package kafka

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// Register adds the source to r.
func Register(r *plugin.Registry) {
	plugin.Source(r, "kafka", "reads change events from Kafka topics", DefaultConfig(),
		func(env plugin.Env, c Config) (pipeline.Source[*cdc.Event], error) {
			c.TLS = c.TLS.Under(env.Path)
			return New(c, env.Logger)
		})
}
