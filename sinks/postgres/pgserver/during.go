package pgserver

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"
)

// During runs do while a server runs in a directory of its own, which is removed after
// that, and returns what do does, or 1 if the server does not start: the body of a
// TestMain. What is written is not made durable.
func During(settings map[string]string, do func(*Server) int) int {
	dir, err := os.MkdirTemp("", "cdcpipe-pgserver")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a directory that is cleaned
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all := map[string]string{"fsync": "off"}
	maps.Copy(all, settings)
	s, err := Start(ctx, Config{Dir: dir, Settings: all})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Kill()
	return do(s)
}
