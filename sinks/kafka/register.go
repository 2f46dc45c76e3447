package kafka

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// Register adds the sink and the outlet to r.
func Register(r *plugin.Registry) {
	plugin.Sink(r, "kafka", "writes events to their Kafka topics", DefaultConfig(),
		func(env plugin.Env, c Config) (pipeline.Sink[*cdc.Event], error) {
			c.TLS = c.TLS.Under(env.Path)
			return NewEvents(c, env.Logger)
		})
	plugin.Outlet(r, "kafka", "writes records to Kafka topics, one for each outlet", DefaultConfig(),
		func(env plugin.Env, c Config) (pipeline.Sink[pipeline.Reject], error) {
			c.TLS = c.TLS.Under(env.Path)
			return NewLetters(c, env.Logger)
		})
}
