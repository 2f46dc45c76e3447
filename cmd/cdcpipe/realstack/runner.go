package realstack

import (
	"context"
)

// Running is a server that runs. PostgreSQL's is [pgserver.Server].
type Running interface {
	PID() int                       // on this machine
	Done() <-chan struct{}          // closed when it has ended
	Stop(ctx context.Context) error // in order, or at once when ctx ends
	Kill()                          // as a crash would; returns when it is gone
}

// A Program is a server that says how it ended.
type Program interface {
	Running
	Exit() error // after Done; nil if it reports success
}

// A Runner runs servers otherwise than as programs of this machine: package
// containers has one.
type Runner interface {
	// Open readies it for the stack of a directory, after that is locked, and ends
	// what an earlier owner has left.
	Open(ctx context.Context, dir, line string) error

	// Run starts a server. What it reads and writes lies below Server.Stack, at the
	// same path for the server, and it listens on this machine's loopback address.
	Run(ctx context.Context, s Server) (Program, error)
}

// A Server is what a [Runner] starts.
type Server struct {
	Part  Part
	Stack string // directory of the stack, absolute
	Dir   string // below it, to start the server in
	Log   string // file, to the end of which both outputs go

	// Args are of the JVM, but for what says where its classes are; of PostgreSQL,
	// the program with its arguments.
	Args []string

	// Main is the main class with its arguments, none for PostgreSQL.
	Main []string

	// Env is added to the environment, as NAME=value.
	Env []string
}

// run starts a server by the runner.
func (s *Stack) run(ctx context.Context, srv Server) (*starting, error) {
	srv.Stack, srv.Log = s.cfg.Dir, logFile(s.cfg.Dir, srv.Part)
	return begin(string(srv.Part), srv.Log, func() (Program, error) { return s.cfg.Runner.Run(ctx, srv) })
}
