package cassandra_test

import (
	"slices"
	"strings"
	"testing"

	"cdcpipe/sources/cassandra"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for _, level := range cassandra.Consistencies() {
		if _, err := cassandra.NewReader(cassandra.Config{Hosts: []string{"h"}, Consistency: level, PageSize: 1}); err != nil {
			t.Errorf("%s: %v", level, err)
		}
	}
	_, err := cassandra.NewReader(cassandra.Config{Consistency: "ANY", PageSize: 1_000_000, Port: -1, Timeout: -1})
	if err == nil {
		t.Fatal("a bad configuration passes")
	}
	for _, want := range []string{"hosts:", "port:", "timeout:", `consistency: "ANY"`, "page_size:"} {
		if !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}
