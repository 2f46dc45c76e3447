package verify_test

import (
	"os"
	"testing"

	"cdcpipe/sinks/postgres/pgserver"
)

var server *pgserver.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	return pgserver.During(nil, func(s *pgserver.Server) int {
		server = s
		return m.Run()
	})
}
