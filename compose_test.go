package cdcpipe_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
)

// A composeService has what compose/compose.yaml may say of a service; another key
// is an error.
type composeService struct {
	Profiles    []string       `yaml:"profiles"`
	Image       string         `yaml:"image"`
	Build       *composeBuild  `yaml:"build"`
	Hostname    string         `yaml:"hostname"`
	User        string         `yaml:"user"`
	Command     any            `yaml:"command"`
	Entrypoint  any            `yaml:"entrypoint"`
	Environment map[string]any `yaml:"environment"`
	Volumes     []string       `yaml:"volumes"`
	Secrets     []string       `yaml:"secrets"`
	Ports       []string       `yaml:"ports"`
	Healthcheck *composeHealth `yaml:"healthcheck"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	ShmSize     string   `yaml:"shm_size"`
	MemLimit    string   `yaml:"mem_limit"`
	StopGrace   string   `yaml:"stop_grace_period"`
	Restart     string   `yaml:"restart"`
}

type composeBuild struct {
	Context    string            `yaml:"context"`
	Dockerfile string            `yaml:"dockerfile"`
	Args       map[string]string `yaml:"args"`
}

type composeHealth struct {
	Test        []string `yaml:"test"`
	Interval    string   `yaml:"interval"`
	Timeout     string   `yaml:"timeout"`
	Retries     int      `yaml:"retries"`
	StartPeriod string   `yaml:"start_period"`
}

type composeFile struct {
	Name     string                       `yaml:"name"`
	Cdcpipe  any                          `yaml:"x-cdcpipe"`
	Sentinel any                          `yaml:"x-sentinel"`
	Services map[string]composeService    `yaml:"services"`
	Volumes  map[string]map[string]string `yaml:"volumes"`
	Secrets  map[string]struct {
		Environment string `yaml:"environment"`
	} `yaml:"secrets"`
}

// dockerDir is where compose.yaml is, to which its paths are relative.
const dockerDir = "compose"

func compose(t *testing.T) composeFile {
	t.Helper()
	var f composeFile
	if err := yaml.UnmarshalWithOptions([]byte(contents(t, "compose/compose.yaml")), &f, yaml.Strict()); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	if len(f.Services) < 15 {
		t.Fatalf("only %d services", len(f.Services))
	}
	return f
}

// once says whether a service does something at the start and ends.
func (s composeService) once() bool { return s.Restart == "no" }

func TestComposeServices(t *testing.T) {
	t.Parallel()
	f := compose(t)
	const limit = 8_000_000_000
	total, published := 0, map[string]string{}
	for name, s := range f.Services {
		fail := func(format string, args ...any) { t.Errorf(name+": "+format, args...) }
		if len(s.Profiles) != 1 || !slices.Contains([]string{"core", "obs", "ha"}, s.Profiles[0]) {
			fail("profiles %v", s.Profiles)
		}
		if !pinned(s.Image) && s.Build == nil {
			fail("image %q is not pinned", s.Image)
		}
		if s.Hostname != "" && s.Hostname != name {
			fail("is called %s", s.Hostname)
		}
		switch {
		case s.once():
		case s.Healthcheck == nil || len(s.Healthcheck.Test) < 2 || !strings.HasPrefix(s.Healthcheck.Test[0], "CMD") || s.Healthcheck.Retries == 0:
			fail("no health check")
		case s.Restart != "unless-stopped":
			fail("restart: %q", s.Restart)
		}
		mb, err := strconv.Atoi(strings.TrimSuffix(s.MemLimit, "m"))
		if err != nil {
			fail("mem_limit %q", s.MemLimit)
		}
		total += mb << 20
		for _, p := range s.Ports {
			host, ok := strings.CutPrefix(p, "127.0.0.1:")
			if host, _, _ = strings.Cut(host, ":"); !ok {
				fail("port %s is open to the network", p)
			} else if other := published[host]; other != "" {
				fail("port %s is that of %s", host, other)
			}
			published[host] = name
		}
		for on, d := range s.DependsOn {
			dep, ok := f.Services[on]
			want := "service_healthy"
			if dep.once() {
				want = "service_completed_successfully"
			}
			if !ok || d.Condition != want {
				fail("depends on %s: %q, want %q", on, d.Condition, want)
			}
			if ok && dep.Profiles[0] != "core" && dep.Profiles[0] != s.Profiles[0] {
				fail("depends on %s of another profile", on)
			}
		}
		for _, secret := range s.Secrets {
			if f.Secrets[secret].Environment == "" {
				fail("no secret %s", secret)
			}
		}
	}
	if total > limit {
		t.Errorf("memory limits add up to %d bytes, want at most %d", total, limit)
	}
}

// pinned says whether an image is named by a version.
func pinned(image string) bool {
	_, tag, ok := strings.Cut(image, ":")
	return ok && regexp.MustCompile(`^v?\d+\.\d+.*\d`).MatchString(tag) || strings.Contains(image, "@sha256:")
}

// Everything that is mounted exists, volumes are declared, and the paths within
// containers that commands, variables and configurations name are mounted.
func TestComposeFiles(t *testing.T) {
	t.Parallel()
	f := compose(t)
	mounted := map[string]bool{}
	for name, s := range f.Services {
		for _, v := range s.Volumes {
			part := strings.Split(v, ":")
			if strings.HasPrefix(part[0], ".") {
				if _, err := os.Stat(filepath.Join(dockerDir, part[0])); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if len(part) != 3 || part[2] != "ro" {
					t.Errorf("%s: %s can be written to", name, v)
				}
			} else if _, ok := f.Volumes[part[0]]; !ok {
				t.Errorf("%s: no volume %s", name, part[0])
			}
			mounted[part[1]] = true
		}
		here := fmt.Sprint(s.Command, s.Entrypoint, s.Environment)
		for _, p := range inContainers.FindAllString(here, -1) {
			if !slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.Contains(v, ":"+p+":") }) {
				t.Errorf("%s: %s is not mounted", name, p)
			}
		}
	}
	for path, text := range composeTexts(t) {
		for _, p := range inContainers.FindAllString(text, -1) {
			if !mounted[p] {
				t.Errorf("%s: %s is not mounted anywhere", path, p)
			}
		}
	}
}

var inContainers = regexp.MustCompile(`/etc/(?:cdcpipe|prometheus|redis|grafana/dashboards)/[\w.-]+`)

// composeTexts returns every file below compose/ by its path.
func composeTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"compose/*", "compose/*/*", "compose/.env"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if info, err := os.Stat(p); err == nil && !info.IsDir() {
				texts[p] = contents(t, p)
			}
		}
	}
	return texts
}

// Where one service looks for another, the other listens; so does it at the ports
// that are published.
func TestComposePorts(t *testing.T) {
	t.Parallel()
	f := compose(t)
	find := func(pattern, text string) (ports []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			ports = append(ports, m[1])
		}
		return ports
	}
	listens := map[string][]string{ // those without a configuration here: their default
		"postgres": {"5432"}, "redis": {"6379"}, "redis-replica": {"6379"},
		"prometheus": {"9090"}, "grafana": {"3000"}, "jaeger": {"16686", "4317"},
		"cassandra": find(`(?m)^(?:native_transport|storage)_port: (\d+)`, contents(t, "compose/cassandra/cassandra.yaml")),
		"kafka":     find(`:(\d+)`, fmt.Sprint(f.Services["kafka"].Environment["KAFKA_LISTENERS"])),
		"debezium":  find(`(?m)^http\.port=(\d+)`, contents(t, "compose/debezium/agent.properties")),
		"vault":     find(`:(\d+)`, fmt.Sprint(f.Services["vault"].Environment["VAULT_DEV_LISTEN_ADDRESS"])),
	}
	for name := range f.Services {
		switch {
		case strings.HasPrefix(name, "worker-"), name == "dlq":
			listens[name] = find(`listen: "0\.0\.0\.0:(\d+)"`, contents(t, "compose/cdcpipe/pipeline.yaml"))
		case strings.HasPrefix(name, "sentinel-"):
			listens[name] = find(`(?m)^port (\d+)`, contents(t, "compose/redis/sentinel.sh"))
		}
	}
	for name, s := range f.Services {
		for _, p := range s.Ports {
			if inside := p[strings.LastIndex(p, ":")+1:]; !slices.Contains(listens[name], inside) {
				t.Errorf("%s publishes %s and listens on %v", name, inside, listens[name])
			}
		}
	}
	looked := 0
	for path, text := range composeTexts(t) {
		for _, m := range regexp.MustCompile(`(?:^|[@/"'= ])([a-z]+(?:-[a-z0-9]+)?):(\d{4,5})\b`).FindAllStringSubmatch(text, -1) {
			looked++
			if !slices.Contains(listens[m[1]], m[2]) {
				t.Errorf("%s: nothing listens at %s:%s", path, m[1], m[2])
			}
		}
	}
	if looked < 8 {
		t.Errorf("found only %d addresses", looked)
	}
}

// Every variable means something to the program that gets it.
func TestComposeVariables(t *testing.T) {
	t.Parallel()
	f := compose(t)
	env := contents(t, "compose/.env")
	for _, m := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(contents(t, "compose/compose.yaml"), -1) {
		if !strings.Contains(env, "\n"+m[1]+"=") {
			t.Errorf("compose/.env has no %s", m[1])
		}
	}
	ours := contents(t, "docs/reference/cli.md")
	_, ours, _ = strings.Cut(ours, "## Environment")
	references := regexp.MustCompile(`\$\{env:(\w+)\}`).FindAllStringSubmatch(contents(t, "compose/cdcpipe/pipeline.yaml"), -1)
	of := map[string][]string{ // by image, where its own documentation says so
		"cassandra":            {"MAX_HEAP_SIZE", "HEAP_NEWSIZE", "JVM_EXTRA_OPTS"},
		"apache/kafka":         {"KAFKA_HEAP_OPTS"},
		"postgres":             {"POSTGRES_PASSWORD", "POSTGRES_DB"},
		"redis":                {"REDISCLI_AUTH"},
		"hashicorp/vault":      {"VAULT_ADDR", "VAULT_TOKEN", "VAULT_DEV_ROOT_TOKEN_ID", "VAULT_DEV_LISTEN_ADDRESS", "SKIP_SETCAP"},
		"grafana/grafana":      {"GF_SECURITY_ADMIN_PASSWORD", "GF_AUTH_ANONYMOUS_ENABLED", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"},
		"jaegertracing/jaeger": {"JAEGER_LISTEN_HOST"},
		"prom/prometheus":      nil,
		"cdcpipe-debezium":     nil,
		"cdcpipe":              regexp.MustCompile(`\b[A-Z][A-Z_]+\b`).FindAllString(ours, -1),
	}
	broker := options(t, "kafka-broker-4.1")
	for name, s := range f.Services {
		image, _, _ := strings.Cut(s.Image, ":")
		known, ok := of[image]
		if !ok {
			t.Errorf("%s: image %s is not in the table", name, image)
		}
		reads := fmt.Sprint(s.Command, s.Entrypoint)
		for _, v := range s.Volumes {
			if local, _, _ := strings.Cut(v, ":"); strings.HasSuffix(local, ".sh") {
				reads += contents(t, filepath.Join(dockerDir, local))
			}
		}
		for v := range s.Environment {
			option, isOption := strings.CutPrefix(v, "KAFKA_")
			switch {
			case slices.Contains(known, v), regexp.MustCompile(`\$` + v + `\b`).MatchString(reads):
			case image == "cdcpipe" && slices.ContainsFunc(references, func(m []string) bool { return m[1] == v }):
			case image == "apache/kafka" && isOption && broker[strings.ReplaceAll(strings.ToLower(option), "_", ".")]:
			default:
				t.Errorf("%s: nothing reads %s", name, v)
			}
		}
		for _, m := range references {
			if _, ok := s.Environment[m[1]]; image == "cdcpipe" && !ok {
				t.Errorf("%s: the pipeline's file refers to %s", name, m[1])
			}
		}
	}
}

// options returns the names of a program's options.
func options(t *testing.T, program string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for n := range strings.FieldsSeq(contents(t, "testdata/compose/"+program+".txt")) {
		names[n] = true
	}
	return names
}

// Cassandra and Debezium's agent know every option that they are given. The agent
// would pass over a misspelt one in silence.
func TestComposeOptions(t *testing.T) {
	t.Parallel()
	var cassandra map[string]any
	if err := yaml.Unmarshal([]byte(contents(t, "compose/cassandra/cassandra.yaml")), &cassandra); err != nil {
		t.Fatal(err)
	}
	known := options(t, "cassandra-5.0")
	for key := range cassandra {
		if !known[key] {
			t.Errorf("cassandra.yaml: Cassandra has no option %s", key)
		}
	}
	agent, producer := options(t, "debezium-cassandra-3.4"), options(t, "kafka-producer")
	seen := map[string]string{}
	for line := range strings.SplitSeq(contents(t, "compose/debezium/agent.properties"), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		ofProducer, isProducer := strings.CutPrefix(key, "kafka.producer.")
		if !ok || !isProducer && !agent[key] || isProducer && !producer[ofProducer] || seen[key] != "" {
			t.Errorf("agent.properties: %s: no option, or given twice", line)
		}
		seen[key] = value
	}
	for _, key := range []string{"cdc_enabled", "cdc_block_writes"} {
		if cassandra[key] != true {
			t.Errorf("cassandra.yaml: %s: %v", key, cassandra[key])
		}
	}
	if seen["cassandra.cluster.name"] != cassandra["cluster_name"] {
		t.Errorf("the agent's cluster is %q, Cassandra's %q", seen["cassandra.cluster.name"], cassandra["cluster_name"])
	}
	for _, key := range []string{"kafka.producer.delivery.timeout.ms", "kafka.producer.max.block.ms", "decimal.handling.mode"} {
		if !strings.Contains(contents(t, "docs/cassandra-setup.md"), "`"+key+"="+seen[key]+"`") {
			t.Errorf("docs/cassandra-setup.md does not say %s=%s", key, seen[key])
		}
	}
}

// Docker's own opinion, where its plugin is installed.
func TestComposeConfig(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "docker", "compose", "version")
	if err := cmd.Run(); err != nil {
		t.Skip("docker compose is not installed")
	}
	cmd = exec.CommandContext(t.Context(), "docker", "compose", "-f", "compose/compose.yaml", "--profile", "*", "config", "--quiet")
	if out, err := cmd.CombinedOutput(); err != nil {
		if _, failed := errors.AsType[*exec.ExitError](err); failed {
			t.Fatalf("%s", out)
		}
		t.Fatal(err)
	}
}

// Tests take the images that are named here, and the agent's is built with the
// version that the Dockerfile has by default.
func TestComposeImagesAreThoseOfTests(t *testing.T) {
	t.Parallel()
	f := compose(t)
	for part, service := range map[realstack.Part]string{
		realstack.Kafka: "kafka", realstack.Cassandra: "cassandra", realstack.Agent: "debezium", realstack.Postgres: "postgres",
	} {
		if got, want := containers.Image(part), f.Services[service].Image; got != want {
			t.Errorf("%s: tests take %s, compose.yaml %s", part, got, want)
		}
	}
	_, version, _ := strings.Cut(containers.Image(realstack.Agent), ":")
	if want := "ARG DEBEZIUM_VERSION=" + version + "\n"; !strings.Contains(contents(t, "compose/debezium/Dockerfile"), want) {
		t.Errorf("compose/debezium/Dockerfile has no %s", want)
	}
}
