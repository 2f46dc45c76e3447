package realstack

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline/fault"
)

// settled returns a stack whose configuration is filled in and that runs nothing.
func settled(t *testing.T, cfg Config) *Stack {
	t.Helper()
	cfg.Dir, cfg.Cache = t.TempDir(), t.TempDir()
	cfg, _, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return &Stack{cfg: cfg, ports: Ports{Kafka: 11001, Controller: 11002, Cassandra: 11003, Storage: 11004, Agent: 11005, Postgres: 11006}}
}

func holds(t *testing.T, path string, want ...string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range append(want, "") {
		if !strings.Contains("\n"+string(b), "\n"+w) || strings.Contains(string(b), "{{") {
			t.Errorf("%s has no line %q:\n%s", filepath.Base(path), w, b)
		}
	}
}

func TestConfigurationsAreRendered(t *testing.T) {
	t.Parallel()
	s := settled(t, Config{
		SyncPeriod: 150 * time.Millisecond, SegmentMiB: 8, Compression: "LZ4Compressor",
		Agent: AgentConfig{TopicPrefix: "x", Schemas: true, Properties: map[string]string{"snapshot.mode": "initial"}},
	})
	if err := s.renderCassandra(); err != nil {
		t.Fatal(err)
	}
	holds(t, s.cassandraYAML(), "native_transport_port: 11003\n", "storage_port: 11004\n", "commitlog_sync_period: 150ms\n",
		"commitlog_segment_size: 8MiB\n", "  - class_name: LZ4Compressor\n", "cdc_raw_directory: '"+s.cassandraData()+"/cdc_raw'\n", "cdc_enabled: true\n")
	if err := s.renderAgent(); err != nil {
		t.Fatal(err)
	}
	holds(t, s.path("agent", "agent.properties"), "topic.prefix=x\n", "http.port=11005\n", "kafka.producer.bootstrap.servers=127.0.0.1:11001\n",
		"commit.log.marked.complete.poll.interval.ms=200\n", "poll.interval.ms=50\n", "value.converter.schemas.enable=true\n",
		"cassandra.config="+s.cassandraYAML()+"\n", "decimal.handling.mode=string\n", "varint.handling.mode=string\n", "snapshot.mode=initial\n")
	holds(t, s.path("agent", "driver.conf"), `    contact-points = [ "127.0.0.1:11003" ]`)
	s.cfg.Agent.Properties["a"] = "b\nhttp.port=1"
	if err := s.renderAgent(); !fault.Is(err, fault.ConfigUsage) {
		t.Errorf("a line break in a property: %v", err)
	}
	if err := s.renderKafka(); err != nil {
		t.Fatal(err)
	}
	holds(t, s.kafkaConf(), "listeners=PLAINTEXT://127.0.0.1:11001,CONTROLLER://127.0.0.1:11002\n", "num.partitions=3\n", "message.max.bytes=10485760\n")
}

func TestPom(t *testing.T) {
	t.Parallel()
	for _, r := range releases() {
		for _, l := range []library{kafkaLibrary, r.cassandra, r.agent} {
			file := filepath.Join(t.TempDir(), "pom.xml")
			if err := render("pom.xml", file, l); err != nil {
				t.Fatal(err)
			}
			var pom struct {
				Dependencies []struct {
					Group    string `xml:"groupId"`
					Artifact string `xml:"artifactId"`
					Version  string `xml:"version"`
				} `xml:"dependencies>dependency"`
			}
			b, err := os.ReadFile(file)
			if err == nil {
				err = xml.Unmarshal(b, &pom)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(pom.Dependencies) != len(l.Coordinates) {
				t.Fatalf("%s: %d dependencies", l.Name, len(pom.Dependencies))
			}
			for i, d := range pom.Dependencies {
				if coordinate(d) != l.Coordinates[i] {
					t.Errorf("%+v, want %+v", d, l.Coordinates[i])
				}
			}
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cfg  Config
		code fault.Code
	}{
		{Config{}, fault.DataDirectory},
		{Config{Dir: "x", Version: "3.11"}, fault.ConfigUsage},
		{Config{Dir: "x", Parts: []Part{"redis"}}, fault.ConfigUsage},
		{Config{Dir: "x", SyncPeriod: time.Microsecond}, fault.ConfigUsage},
		{Config{Dir: "x", SegmentMiB: -1}, fault.ConfigUsage},
	} {
		if _, _, err := tc.cfg.withDefaults(); !fault.Is(err, tc.code) {
			t.Errorf("%+v: %v, want %s", tc.cfg, err, tc.code)
		}
	}
}
