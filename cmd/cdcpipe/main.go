// Command cdcpipe replicates Cassandra tables into PostgreSQL.
package main

import (
	"context"
	"errors"
	"io"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdout, os.Stderr))
}

// run is main without the process around it. Data goes to stdout, everything else
// to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := console{stdout, stderr}
	err := ended(newApp(c).RunContext(ctx, args))
	if _, done := errors.AsType[printed](err); err != nil && !done {
		c.explain(err)
	}
	return exitCode(err)
}
