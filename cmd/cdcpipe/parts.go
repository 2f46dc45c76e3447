package main

import (
	"cdcpipe/pipeline/plugin"
	filesink "cdcpipe/sinks/file"
	kafkasink "cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
	filesource "cdcpipe/sources/file"
	"cdcpipe/sources/generator"
	kafkasource "cdcpipe/sources/kafka"
	"cdcpipe/stages"
)

// parts is what pipelines can be made of. It is the only place that knows all.
func parts() *plugin.Registry {
	r := new(plugin.Registry)
	kafkasource.Register(r)
	filesource.Register(r)
	generator.Register(r)
	stages.Register(r)
	postgres.Register(r)
	kafkasink.Register(r)
	filesink.Register(r)
	return r
}
