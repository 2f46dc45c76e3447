package obs

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cdcpipe/pipeline/fault"
)

// A Server answers Prometheus and the probes of orchestrators:
//
//	/metrics  what [Collector] and other collectors have
//	/livez    200 while the process can answer
//	/readyz   200 while every check passes, else 503; ?verbose lists them
//
// and whatever [Server.Handle] adds. With a token, all but the probes want it as a
// bearer token (RFC 6750).
type Server struct {
	token  string
	mux    *http.ServeMux
	checks []Check
	http   *http.Server
	listen net.Listener
}

// A Check says whether something is ready. Check must not block for long.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
}

// NewServer returns a server of what g gathers and of checks. An empty token lets
// everybody in.
func NewServer(g prometheus.Gatherer, token string, checks ...Check) *Server {
	mux := http.NewServeMux()
	s := &Server{token: token, checks: checks, mux: mux}
	mux.Handle("GET /metrics", s.guarded(promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true})))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return s
}

// Handle adds a resource of the admin API, before Serve is called. What changes
// something (any method but GET, HEAD and OPTIONS) is refused where there is no token,
// and where a browser says that another origin asks ([http.CrossOriginProtection]).
func (s *Server) Handle(pattern string, h http.Handler) {
	s.mux.Handle(pattern, new(http.CrossOriginProtection).Handler(s.guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
		default:
			if s.token == "" {
				http.Error(w, "changes are only taken with a bearer token: set admin.token", http.StatusForbidden)
				return
			}
		}
		h.ServeHTTP(w, r)
	}))))
}

// Listen takes the address. A port of 0 is any free one; see [Server.Addr].
func (s *Server) Listen(ctx context.Context, addr string) (err error) {
	if s.listen, err = new(net.ListenConfig).Listen(ctx, "tcp", addr); err != nil {
		return fault.New(fault.AddressInUse, "listen on %s: %w", addr, err)
	}
	return nil
}

// Addr returns the address that Listen took.
func (s *Server) Addr() string { return s.listen.Addr().String() }

// Serve answers until Close is called.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listen); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	}
	return nil
}

// Close lets what is being answered finish, until ctx ends.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }

func (s *Server) guarded(h http.Handler) http.Handler {
	if s.token == "" {
		return h
	}
	want := []byte("Bearer " + s.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a bearer token is needed: admin.token", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	verbose := r.URL.Query().Has("verbose")
	status, body := http.StatusOK, ""
	for _, c := range s.checks {
		if err := c.Check(r.Context()); err != nil {
			status = http.StatusServiceUnavailable
			body += fmt.Sprintf("[-]%s %v\n", c.Name, err)
		} else if verbose {
			body += fmt.Sprintf("[+]%s ok\n", c.Name)
		}
	}
	if status == http.StatusOK {
		body += "ok\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, body)
}
