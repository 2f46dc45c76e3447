package demo

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/generator"
)

// A state is what a directory remembers of its run, so that another process can
// go on with it after a crash.
type state struct {
	Seed      uint64        `json:"seed"`
	Events    uint64        `json:"events"`
	StartTime int64         `json:"start_time"` // of the generator, µs
	Elapsed   time.Duration `json:"elapsed"`    // of the processes before
	Finished  bool          `json:"finished"`
}

func (s *state) path(dir string) string { return filepath.Join(dir, "run.json") }

func (s *state) save(dir string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp := s.path(dir) + ".new"
	if err := errors.Join(os.WriteFile(tmp, raw, 0o600), os.Rename(tmp, s.path(dir))); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	return nil
}

// resume reads what an earlier process was about, or begins anew: if there was
// none, if it had finished, or if that is asked for.
func resume(o *Options) (s state, resumed bool, err error) {
	raw, err := os.ReadFile(s.path(o.Dir))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return s, false, fault.New(fault.DataDirectory, "%w", err)
	case json.Unmarshal(raw, &s) != nil:
		s.Finished = true // torn by a crash at the very beginning
	}
	if s.StartTime != 0 && !s.Finished && !o.Reset {
		if s.Seed != o.Seed || s.Events != o.Events {
			return s, false, fault.New(fault.DifferentRun, "%s holds an unfinished run of %d events with seed %d, and %d events with seed %d are asked for",
				o.Dir, s.Events, s.Seed, o.Events, o.Seed)
		}
		return s, true, nil
	}
	if err := devstack.Reset(o.Dir); err != nil {
		return s, false, err
	}
	s = state{Seed: o.Seed, Events: o.Events, StartTime: time.Now().UnixMicro()}
	return s, false, s.save(o.Dir)
}

// generator returns the source of the run's events.
func (s *state) generator() (*generator.Generator, error) {
	cfg := generator.Default()
	cfg.Seed, cfg.Events, cfg.StartTime, cfg.Prefix = s.Seed, s.Events, s.StartTime, "dev"
	return generator.New(cfg)
}
