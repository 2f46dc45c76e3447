package realstack

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/cassandra-gocql-driver/v2"
	"github.com/goccy/go-yaml"

	"cdcpipe/pipeline/fault"
)

// What Cassandra needs of the JDK's own packages, after conf/jvm17-server.options
// of its distribution.
const (
	cassandraExports = "java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch" +
		" java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server" +
		" java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.attach/sun.tools.attach jdk.compiler/com.sun.tools.javac.file" +
		" jdk.naming.dns/com.sun.jndi.dns jdk.unsupported/sun.misc"
	cassandraOpens = "java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.net" +
		" java.base/java.nio java.base/java.util java.base/java.util.concurrent java.base/java.util.concurrent.atomic" +
		" java.base/jdk.internal.loader java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.ref" +
		" java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.ch jdk.compiler/com.sun.tools.javac" +
		" jdk.management/com.sun.management.internal jdk.naming.dns/com.sun.jndi.dns"
)

// opened returns the flags that let Cassandra's code into the JDK's.
func opened() []string {
	flags := []string{"-Djdk.attach.allowAttachSelf=true"}
	for m := range strings.FieldsSeq(cassandraExports) {
		flags = append(flags, "--add-exports", m+"=ALL-UNNAMED")
	}
	for m := range strings.FieldsSeq(cassandraOpens) {
		flags = append(flags, "--add-opens", m+"=ALL-UNNAMED")
	}
	return flags
}

func (s *Stack) cassandraYAML() string { return s.path("cassandra", "cassandra.yaml") }

func (s *Stack) cassandraData() string { return s.path("cassandra", "data") }

func (s *Stack) launchCassandra(ctx context.Context, up func(Running)) error {
	dir, data := s.path("cassandra"), s.cassandraData()
	for _, d := range []string{"data", "commitlog", "hints", "saved_caches", "cdc_raw"} {
		if err := os.MkdirAll(filepath.Join(data, d), 0o755); err != nil {
			return fault.New(fault.DataDirectory, "%w", err)
		}
	}
	if err := s.renderCassandra(); err != nil {
		return err
	}
	args := []string{
		"-ea", "-Xms512m", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxDirectMemorySize=256m", "-Djava.net.preferIPv4Stack=true",
	}
	args = append(append(args, opened()...),
		"-Dcassandra.config=file://"+s.cassandraYAML(), "-Dcassandra.storagedir="+data, "-Dcassandra.logdir="+s.path("logs"),
		"-Dlogback.configurationFile="+s.path("logback.xml"), "-Dcassandra-foreground=yes",
		// One node has nobody to wait for.
		"-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1000",
		"-Dcassandra.superuser_setup_delay_ms=0", "-Dcassandra.consistent.rangemovement=false",
		"-Dio.netty.tryReflectionSetAccessible=true")
	c, err := s.jvm(ctx, Cassandra, dir, args, "org.apache.cassandra.service.CassandraDaemon")
	if err != nil {
		return err
	}
	up(c)
	return c.await(ctx, func(ctx context.Context) error {
		session, err := s.Session()
		if err != nil {
			return err
		}
		defer session.Close()
		var version string
		return session.Query("SELECT release_version FROM system.local").ScanContext(ctx, &version)
	})
}

func (s *Stack) renderCassandra() error {
	if err := render("logback.xml", s.path("logback.xml"), nil); err != nil {
		return err
	}
	err := render("cassandra.yaml", s.cassandraYAML(), struct {
		Port, Storage, SegmentMiB int
		SyncPeriod                time.Duration
		Line, Data, Compression   string
	}{s.ports.Cassandra, s.ports.Storage, s.cfg.SegmentMiB, s.cfg.SyncPeriod, s.cfg.Version, s.cassandraData(), s.cfg.Compression})
	if err != nil || len(s.cfg.Options) == 0 {
		return err
	}
	return s.overlayCassandra()
}

// overlayCassandra puts the options of the configuration into the file.
func (s *Stack) overlayCassandra() error {
	b, err := os.ReadFile(s.cassandraYAML())
	if err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(b, &all); err != nil {
		return fault.New(fault.BrokenInvariant, "%w", err)
	}
	maps.Copy(all, s.cfg.Options)
	if b, err = yaml.Marshal(all); err != nil {
		return fault.New(fault.ConfigUsage, "options of Cassandra: %w", err)
	}
	if err := os.WriteFile(s.cassandraYAML(), b, 0o644); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	return nil
}

// Session connects to Cassandra. The caller closes the session.
func (s *Stack) Session() (*gocql.Session, error) { return connect(s.ports.Cassandra) }

// Connect is [Stack.Session] for the stack of a directory, whoever runs it.
func Connect(dir string) (*gocql.Session, error) {
	st, err := readState(dir)
	if err != nil {
		return nil, err
	}
	if !st.Servers[Cassandra].Alive() {
		return nil, fault.New(fault.CassandraDown, "no Cassandra runs in %s", dir)
	}
	return connect(st.Ports.Cassandra)
}

func connect(port int) (*gocql.Session, error) {
	cluster := gocql.NewCluster("127.0.0.1")
	cluster.Port = port
	cluster.Authenticator = gocql.PasswordAuthenticator{Username: "cassandra", Password: "cassandra"} // if it asks
	cluster.Consistency = gocql.One                                                                   // of one node
	cluster.Timeout, cluster.ConnectTimeout = 20*time.Second, 5*time.Second
	cluster.Logger = gocql.NewLogger(gocql.LogLevelNone) // its errors come back to the caller
	session, err := cluster.CreateSession()
	if err != nil {
		return nil, fault.New(fault.CassandraDown, "connect to %s: %w", loopback(port), err)
	}
	return session, nil
}
