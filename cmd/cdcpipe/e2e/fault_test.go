//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// Whatever is killed or started again while statements are executed, the replica is
// exact afterwards.
func TestFaults(t *testing.T) {
	killed := func(p realstack.Part) func(context.Context) error {
		return func(ctx context.Context) error {
			the.Component(p).Kill()
			return the.Component(p).Start(ctx)
		}
	}
	restarted := func(p realstack.Part) func(context.Context) error {
		return func(ctx context.Context) error { return the.Component(p).Restart(ctx) }
	}
	for _, f := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"agent killed", killed(realstack.Agent)},
		{"Kafka killed", killed(realstack.Kafka)},
		{"PostgreSQL killed", killed(realstack.Postgres)},
		{"PostgreSQL restarted", restarted(realstack.Postgres)},
		{"Cassandra restarted", restarted(realstack.Cassandra)},
		{"pipeline killed", func(context.Context) error {
			the.pipe.kill()
			return the.pipe.restart()
		}},
		{"pipeline stopped", func(context.Context) error {
			if err := the.pipe.stop(); err != nil {
				return err
			}
			return the.pipe.restart()
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			w := newLoad(t)
			defer w.stop()
			if err := w.more(t.Context(), 300); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := f.do(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("back after %v", time.Since(begun))
			if err := w.more(t.Context(), 300); err != nil {
				t.Fatal(err)
			}
			w.stop()
			begun = time.Now()
			for ks := range loadTables {
				rows := the.equal(t, the.table(t, ks, "load"), func(key string) []string { return w.about(ks, key) })
				t.Logf("%s: %d rows equal or told after %v", ks, rows, time.Since(begun))
			}
		})
	}
}
