package realstack

import (
	"context"
	"os"
	"sync"
)

// Shared is one stack for all tests of a binary, in a directory of its own that is
// removed at the end:
//
//	var shared = realstack.Shared{Config: realstack.Config{Parts: ...}}
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		if err := shared.Close(); err != nil { ... }
//		os.Exit(code)
//	}
//
// Its zero value runs everything.
type Shared struct {
	Config Config // Dir is chosen if it is empty

	once  sync.Once
	dir   string // to remove
	stack *Stack
	err   error
}

// Stack returns the stack, which the first call starts; ctx bounds that alone.
func (s *Shared) Stack(ctx context.Context) (*Stack, error) {
	s.once.Do(func() {
		cfg := s.Config
		if cfg.Dir == "" {
			// Not below a directory that PostgreSQL's user may not enter.
			if s.dir, s.err = os.MkdirTemp("", "realstack"); s.err != nil {
				return
			}
			if s.err = os.Chmod(s.dir, 0o755); s.err != nil {
				return
			}
			cfg.Dir = s.dir
		}
		s.stack, s.err = Start(ctx, cfg)
	})
	return s.stack, s.err
}

// Close stops the stack, if it was started. CDCPIPE_KEEP in the environment keeps
// its directory, with the logs.
func (s *Shared) Close() (err error) {
	s.once.Do(func() { s.err = os.ErrClosed })
	if s.stack != nil {
		err = s.stack.Stop(context.Background())
	}
	if s.dir != "" && os.Getenv("CDCPIPE_KEEP") == "" {
		_ = os.RemoveAll(s.dir)
	}
	return err
}
