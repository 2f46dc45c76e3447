//go:build e2e

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// Tables of several replicas that reads repair are named by doctor and at the start,
// and no longer once that is switched off.
func TestE2ERepairs(t *testing.T) {
	w := newWard(t)
	w.cql("CREATE KEYSPACE late WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
	w.cql("CREATE TABLE late.t (id int PRIMARY KEY, v text) WITH cdc = true")
	none := []string{"CDC-7031 table shop.users", "CDC-7020 table late.t"} // the one node is no quorum of three
	w.names(0, append(none, "CDC-7045 table late.t"))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr watched
	ended := make(chan int, 1)
	go func() {
		var stdout bytes.Buffer
		ended <- run(ctx, []string{"cdcpipe", "run", "-f", w.file, "--admin", "127.0.0.1:0"}, &stdout, &stderr)
	}()
	until(t, stderr.String, func() bool { return strings.Contains(stderr.String(), "CDC-7045") })
	cancel()
	<-ended
	if said := stderr.String(); strings.Count(said, "CDC-7045") != 1 || !strings.Contains(said, "late.t") {
		t.Error(said)
	}

	w.cql("ALTER TABLE late.t WITH read_repair = 'NONE'")
	w.names(0, none)
}
