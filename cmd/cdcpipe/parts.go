package main

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/sinks/postgres"
	kafkasource "cdcpipe/sources/kafka"
	"cdcpipe/stages"
)

func parts() *plugin.Registry {
	r := new(plugin.Registry)
	plugin.Source(r, "kafka", "x", kafkasource.Config{}, func(env plugin.Env, c kafkasource.Config) (pipeline.Source[*cdc.Event], error) {
		return kafkasource.New(c, env.Logger)
	})
	stages.Register(r)
	postgres.Register(r)
	return r
}
