package coord_test

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"cdcpipe/coord"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

var update = flag.Bool("update", false, "write the table of docs/reference/retries.md anew")

// The documented table is the one that heartbeats go by.
func TestRetriesDoc(t *testing.T) {
	t.Parallel()
	const path = "../docs/reference/retries.md"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "| Redis answers |")
	if !ok {
		t.Fatal("there is no table of what Redis answers")
	}
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + coord.ReplyTable() + "\n" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(doc) != want {
		t.Error("the table is not up to date: go test ./coord -run RetriesDoc -update")
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]fault.Code{
		"OOM command not allowed when used memory > 'maxmemory'.": fault.RedisRefused, "OOMPH": fault.RedisRefused,
		"ERR AUTH <password> called without any password configured": fault.RedisDenied, "ERR unknown command": fault.RedisRefused,
		"LOADING Redis is loading the dataset in memory": fault.RedisDown, "LOADINGS": fault.RedisRefused, "": fault.RedisRefused,
		"MOVED 3999 127.0.0.1:6381": fault.RedisRefused, "NOAUTH Authentication required.": fault.RedisDenied,
	} {
		if got := coord.Classify(reply); got != want {
			t.Errorf("%q: got %s, want %s", reply, got, want)
		}
	}
}

const key, offsets = "cdcpipe:{shop}:worker:", "cdcpipe:{shop}:offsets"

func connect(addr, user, password string) func(context.Context) (rueidis.Client, error) {
	return func(ctx context.Context) (rueidis.Client, error) {
		return coord.Connect(ctx, coord.RedisConfig{Addresses: []string{addr}, Username: user, Password: password})
	}
}

// A log is what was logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

// worker returns a worker whose heartbeats the test sends, and what it logs.
func worker(t *testing.T, to func(context.Context) (rueidis.Client, error)) (*coord.Worker, *log) {
	l := &log{}
	w := coord.NewWorker(to, func() pipeline.Stats {
		return pipeline.Stats{Pipeline: "shop", Partitions: []pipeline.PartitionStats{{Partition: "a/0", Committed: pipeline.Mark{Partition: "a/0", Offset: 41}}}}
	}, slog.New(slog.NewTextHandler(l, nil)))
	t.Cleanup(func() { w.Leave(context.WithoutCancel(t.Context())) })
	return w, l
}

// Troubles of every class, made on a real server: each is logged once, under its
// code, holds nothing up for longer than a heartbeat may take, and is over by itself
// when it is mended.
func TestTroubles(t *testing.T) {
	t.Parallel()
	kick := "CLIENT KILL TYPE normal"
	for _, tr := range []struct {
		name        string
		settings    []string
		cause, mend func(*server)
		says        string // what the log has besides the code
		code        fault.Code
	}{
		{"refused", nil, (*server).kill, func(s *server) { s.start() }, "", fault.RedisDown},
		{"silent", nil, func(s *server) { s.signal(syscall.SIGSTOP) }, func(s *server) { s.signal(syscall.SIGCONT) }, "", fault.RedisDown},
		{"cut", nil, func(s *server) { s.do(kick) }, func(*server) {}, "", ""},
		{"no right", nil, func(s *server) { s.do("ACL SETUSER default -set") }, func(s *server) { s.do("ACL SETUSER default +set") }, "NOPERM", fault.RedisDenied},
		{"no right to the key", nil, func(s *server) { s.do("ACL SETUSER default resetkeys ~other") }, func(s *server) { s.do("ACL SETUSER default ~*") }, "NOPERM", fault.RedisDenied},
		{"replica", nil, func(s *server) { s.do("REPLICAOF 127.0.0.1 1") }, func(s *server) { s.do("REPLICAOF NO ONE") }, "READONLY", fault.RedisRefused},
		{"memory full", nil, func(s *server) { s.do("CONFIG SET maxmemory 1") }, func(s *server) { s.do("CONFIG SET maxmemory 0") }, "OOM", fault.RedisRefused},
		{"cannot save", nil, func(s *server) {
			s.do("CONFIG SET save \"3600 1\"")
			if err := os.RemoveAll(s.dir); err != nil {
				s.t.Fatal(err)
			}
			s.do("BGSAVE")
			until(s.t, "the save fails", func() bool { return strings.HasPrefix(s.raw("SET x y"), "-MISCONF") })
		}, func(s *server) { s.do("CONFIG SET stop-writes-on-bgsave-error no") }, "MISCONF", fault.RedisRefused},
		{"too few replicas", nil, func(s *server) { s.do("CONFIG SET min-replicas-to-write 1") }, func(s *server) { s.do("CONFIG SET min-replicas-to-write 0") }, "NOREPLICAS", fault.RedisDown},
		{"a script that does not end", []string{"--busy-reply-threshold", "10"}, func(s *server) {
			go s.raw(`EVAL "while true do end" 0`)
			until(s.t, "it is busy", func() bool { return strings.HasPrefix(s.raw("PING"), "-BUSY") })
		}, func(s *server) { s.do("SCRIPT KILL") }, "BUSY", fault.RedisDown},
		{"key of another type", nil, func(s *server) { s.do("DEL "+offsets, "LPUSH "+offsets+" x") }, func(s *server) { s.do("DEL " + offsets) }, "WRONGTYPE", fault.RedisRefused},
		{"scripts flushed", nil, func(s *server) { s.do("SCRIPT FLUSH") }, func(*server) {}, "", ""},
		{"emptied", nil, func(s *server) { s.do("FLUSHALL") }, func(*server) {}, "", ""},
	} {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tr.settings...)
			w, logged := worker(t, s.client(""))
			w.Beat(t.Context())
			if logged.count("level=WARN") != 0 {
				t.Fatalf("to begin with: %s", &logged.b)
			}
			tr.cause(s)
			for range 3 {
				began := time.Now()
				w.Beat(t.Context())
				if took := time.Since(began); took > coord.HeartbeatEvery {
					t.Errorf("a heartbeat took %v", took)
				}
			}
			if tr.code == "" {
				if logged.count("level=WARN") > 1 || logged.count("level=WARN") != logged.count(string(fault.RedisDown)) {
					t.Errorf("got %s", &logged.b)
				}
			} else if n := logged.count("level=WARN"); n != 1 || logged.count(string(tr.code)) != 1 || logged.count(tr.says) == 0 {
				t.Errorf("want %s once, and %q: %s", tr.code, tr.says, &logged.b)
			}
			tr.mend(s)
			until(t, "heartbeats are taken again", func() bool {
				w.Beat(t.Context())
				return s.has(key+w.Name()) && s.has(offsets) && (tr.code == "" || logged.count("takes heartbeats again") > 0)
			})
			if tr.code != "" && logged.count("takes heartbeats again") != 1 {
				t.Errorf("want that it is over, once: %s", &logged.b)
			}
		})
	}
}

// A server that is away at the start gets heartbeats once it is there; so does one
// that refused the password, or has no such command.
func TestTroublesAtTheStart(t *testing.T) {
	t.Parallel()
	for _, tr := range []struct {
		name        string
		settings    []string
		cause, mend func(*server)
		says        string
		code        fault.Code
	}{
		{"away", nil, (*server).kill, func(s *server) { s.start() }, "connection refused", fault.RedisDown},
		{"silent", nil, func(s *server) { s.signal(syscall.SIGSTOP) }, func(s *server) { s.signal(syscall.SIGCONT) }, "", fault.RedisDown},
		{"wrong password", []string{"--requirepass", "other"}, func(*server) {}, func(s *server) { s.raw("AUTH other\r\nCONFIG SET requirepass secret") }, "WRONGPASS", fault.RedisDenied},
		{"no password", []string{"--requirepass", "other"}, func(*server) {}, func(s *server) { s.raw("AUTH other\r\nCONFIG SET requirepass \"\"") }, "NOAUTH", fault.RedisDenied},
		{"loading", nil, func(s *server) {
			s.do("DEBUG POPULATE 20000 load 1000", "SAVE")
			s.kill()
			s.start("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
		}, func(s *server) {
			s.kill()
			s.start()
		}, "LOADING", fault.RedisDown},
		{"replica without its primary", []string{"--replica-serve-stale-data", "no"}, func(s *server) { s.do("REPLICAOF 127.0.0.1 1") },
			func(s *server) { s.do("REPLICAOF NO ONE") }, "MASTERDOWN", fault.RedisDown},
		{"no slots", []string{"--cluster-enabled", "yes"}, func(*server) {}, func(s *server) { s.do("CLUSTER ADDSLOTSRANGE 0 16383") }, "CLUSTERDOWN", fault.RedisDown},
		{"no command", []string{"--rename-command", "SET", "\"\""}, func(*server) {}, func(s *server) { s.kill(); s.start() }, "unknown command", fault.RedisRefused},
	} {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tr.settings...)
			tr.cause(s)
			password := ""
			if tr.name == "wrong password" {
				password = "secret"
			}
			w, logged := worker(t, s.client(password))
			for range 2 {
				w.Beat(t.Context())
			}
			if logged.count("level=WARN") != 1 || logged.count(string(tr.code)) != 1 || logged.count(tr.says) == 0 || logged.count("secret") != 0 {
				t.Errorf("want %s once, and %q: %s", tr.code, tr.says, &logged.b)
			}
			tr.mend(s)
			until(t, "a heartbeat is taken", func() bool {
				w.Beat(t.Context())
				return logged.count("takes heartbeats again") == 1
			})
		})
	}
}

// The end of a pipeline waits for no Redis, whatever that does.
func TestStopsWhileSilent(t *testing.T) {
	t.Parallel()
	for _, connected := range []bool{false, true} {
		s := serve(t)
		w, _ := worker(t, s.client(""))
		if connected {
			w.Beat(t.Context())
		}
		s.signal(syscall.SIGSTOP)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		began := time.Now()
		go func() { w.Run(ctx); close(done) }()
		select {
		case <-time.After(100 * time.Millisecond): // it is in the middle of a heartbeat
		case <-done:
		}
		stop()
		<-done
		if took := time.Since(began); took > coord.HeartbeatEvery { // it waits for no answer without end
			t.Errorf("connected %v: took %v", connected, took)
		}
		s.signal(syscall.SIGCONT)
	}
}

// Garbage in the keys hides nothing else, and is told.
func TestGarbageInTheKeys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	w, _ := worker(t, s.client(""))
	w.Beat(t.Context())
	s.do("SET "+key+"x {", "LPUSH "+key+"y 1", "HSET "+offsets+" b/1 garbage", `HSET `+offsets+` b/2 "x 1 w"`)
	client, err := s.client("")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	reports, err := coord.Workers(t.Context(), client, "shop")
	if len(reports) != 1 || err == nil || !strings.Contains(err.Error(), key+"x") || !strings.Contains(err.Error(), key+"y") || fault.CodeOf(err) != fault.RedisRefused {
		t.Errorf("got %v, %v", reports, err)
	}
	checkpoints, err := coord.Checkpoints(t.Context(), client, "shop")
	if len(checkpoints) != 1 || err == nil || !strings.Contains(err.Error(), "b/1") || !strings.Contains(err.Error(), "b/2") {
		t.Errorf("got %v, %v", checkpoints, err)
	}
}

// Sentinels name the primary, and after its end the one that takes its place.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := serve(t, "--requirepass", "secret", "--masterauth", "secret")
	replica := serve(t, "--requirepass", "secret", "--masterauth", "secret", "--replicaof", "127.0.0.1", primary.port)
	sentinel := serve(t, "--sentinel", "requirepass watch\nsentinel monitor set 127.0.0.1 "+primary.port+" 1\nsentinel auth-pass set secret\n"+
		"sentinel down-after-milliseconds set 300\nsentinel failover-timeout set 3000\n")
	cfg := coord.RedisConfig{Addresses: []string{"127.0.0.1:1", sentinel.addr()}, MasterSet: "set", Password: "secret", SentinelPassword: "watch"}
	w, logged := worker(t, func(ctx context.Context) (rueidis.Client, error) { return coord.Connect(ctx, cfg) })
	w.Beat(t.Context())
	if logged.count("level=WARN") != 0 {
		t.Fatalf("to begin with: %s", &logged.b)
	}
	peek := func(s *server) bool {
		client, err := s.client("secret")(t.Context())
		if err != nil {
			return false
		}
		defer client.Close()
		n, err := client.Do(t.Context(), client.B().Exists().Key(key+w.Name()).Build()).AsInt64()
		return err == nil && n == 1
	}
	if !peek(primary) {
		t.Fatal("the primary has no heartbeat")
	}
	until(t, "the replica follows and the sentinel knows it", func() bool {
		return peek(replica) && strings.Contains(sentinelSays(t, sentinel, "watch"), "slaves=1")
	})
	primary.kill()
	until(t, "the replica is the primary", func() bool {
		client, err := replica.client("secret")(t.Context())
		if err != nil {
			return false
		}
		defer client.Close()
		return client.Do(t.Context(), client.B().Del().Key(key+w.Name()).Build()).Error() == nil
	})
	until(t, "it gets heartbeats", func() bool {
		w.Beat(t.Context())
		return peek(replica)
	})
	wrong := cfg
	wrong.SentinelPassword = "other"
	if _, err := coord.Connect(t.Context(), wrong); !fault.Is(err, fault.RedisDenied) || strings.Contains(err.Error(), "other") {
		t.Errorf("sentinel's password: got %v", err)
	}
	wrong = cfg
	wrong.MasterSet = "nosuch"
	if _, err := coord.Connect(t.Context(), wrong); fault.CodeOf(err) == fault.Unknown {
		t.Errorf("no such set: got %v", err)
	}
}

func sentinelSays(t *testing.T, s *server, password string) string {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr()}, Password: password, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		return ""
	}
	defer client.Close()
	info, _ := client.Do(t.Context(), client.B().Info().Section("sentinel").Build()).ToString()
	return info
}
