package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/fault"
)

// A refusal is an error of Cassandra's with that code.
type refusal int

func (r refusal) Code() int       { return int(r) }
func (r refusal) Message() string { return "refused" }
func (r refusal) Error() string   { return "refused" }

func TestClassify(t *testing.T) {
	t.Parallel()
	table := parse(t, "CREATE TABLE k.t (p int PRIMARY KEY)")
	r, err := NewReader(Config{Hosts: []string{"127.0.0.1"}, Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, x := range []struct {
		err  error
		want fault.Code
	}{
		{gocql.ErrTimeoutNoResponse, fault.CassandraLate},
		{refusal(gocql.ErrCodeReadTimeout), fault.CassandraLate},
		{fmt.Errorf("on a node: %w", refusal(gocql.ErrCodeUnavailable)), fault.CassandraLate},
		{refusal(gocql.ErrCodeOverloaded), fault.CassandraLate},
		{refusal(gocql.ErrCodeUnauthorized), fault.CassandraDenied},
		{gocql.ErrNoConnections, fault.CassandraDown},
		{gocql.ErrConnectionClosed, fault.CassandraDown},
		{io.EOF, fault.CassandraDown},
		{refusal(gocql.ErrCodeServer), fault.Unknown},
		{refusal(gocql.ErrCodeInvalid), fault.CassandraDown}, // which table it is cannot be asked
	} {
		err := r.classify(t.Context(), table, x.err)
		if got := fault.CodeOf(err); got != x.want || !errors.Is(err, x.err) {
			t.Errorf("%v: got %s, want %s: %v", x.err, got, x.want, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.classify(ctx, table, context.Canceled); fault.CodeOf(err) != fault.Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := r.classify(t.Context(), table, nil); err != nil {
		t.Errorf("got %v", err)
	}
}
