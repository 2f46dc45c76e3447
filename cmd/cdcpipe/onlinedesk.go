package main

import (
	"context"
	"sync"

	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	kafkasink "cdcpipe/sinks/kafka"
)

// An onlineDesk is what the admin API of a running pipeline works on letters with. It
// connects when it is first asked, and its stages are others than the pipeline's, so
// that what is checked counts nowhere.
type onlineDesk struct {
	spec *spec.Spec
	file string
	env  plugin.Env

	mu     sync.Mutex
	store  *dlq.Store
	events *kafkasink.Events
	check  *dlq.Check
}

func newOnlineDesk(s *spec.Spec, file string, env plugin.Env) *onlineDesk {
	return &onlineDesk{spec: s, file: file, env: env}
}

// Store returns the letters.
func (d *onlineDesk) Store(ctx context.Context) (*dlq.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store == nil {
		where, err := lettersOf(d.spec)
		if err != nil {
			return nil, err
		}
		if d.store, err = dlq.OpenStore(ctx, where, d.env.Logger); err != nil {
			return nil, err
		}
	}
	return d.store, nil
}

// Resubmitter returns what sends letters to the topics that the pipeline reads.
func (d *onlineDesk) Resubmitter(ctx context.Context, actor string, maxReplays int) (*dlq.Resubmitter, error) {
	store, err := d.Store(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.events == nil {
		events, err := (&desk{kafka: kafkaOf(d.spec, d.file), log: d.env.Logger}).events()
		if err != nil {
			return nil, err
		}
		if err := events.Open(ctx); err != nil {
			return nil, err
		}
		d.events = events
	}
	return &dlq.Resubmitter{Store: store, Events: d.events, Actor: actor, MaxReplays: maxReplays}, nil
}

// Check returns the pipeline's stages.
func (d *onlineDesk) Check(context.Context) (*dlq.Check, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.check == nil {
		built, err := d.spec.Build(d.env)
		if err != nil {
			return nil, err
		}
		d.check = &dlq.Check{Stages: built.Stages, Logger: d.env.Logger}
	}
	return d.check, nil
}

func (d *onlineDesk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.events != nil {
		_ = d.events.Close(context.Background()) // nothing is in flight
	}
	if d.store != nil {
		d.store.Close()
	}
}
