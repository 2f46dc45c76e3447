package realstack

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cdcpipe/pipeline/fault"
)

func (s *Stack) launchAgent(ctx context.Context, up func(Running)) error {
	dir := s.path("agent")
	// The agent does not make them itself.
	for _, d := range []string{"relocation/archive", "relocation/error", "offsets"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return fault.New(fault.DataDirectory, "%w", err)
		}
	}
	if err := s.renderAgent(); err != nil {
		return err
	}
	args := []string{"-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Dcassandra.storagedir=" + s.cassandraData()}
	args = append(append(args, opened()...), "-Dlogback.configurationFile="+s.path("logback.xml"))
	c, err := s.jvm(ctx, Agent, dir, args, "io.debezium.connector.cassandra.CassandraConnectorTask", filepath.Join(dir, "agent.properties"))
	if err != nil {
		return err
	}
	up(c)
	return c.await(ctx, func(ctx context.Context) error { return ping(ctx, s.AgentURL()+"/ping") })
}

func (s *Stack) renderAgent() error {
	dir, a := s.path("agent"), s.cfg.Agent
	if err := render("driver.conf", filepath.Join(dir, "driver.conf"), struct{ Cassandra string }{loopback(s.ports.Cassandra)}); err != nil {
		return err
	}
	var more []string // the last of several lines for one property counts
	for _, k := range slices.Sorted(maps.Keys(a.Properties)) {
		v := a.Properties[k]
		if strings.ContainsAny(k+v, "\n\r") {
			return fault.New(fault.ConfigUsage, "property %q of the agent has a line break", k)
		}
		more = append(more, k+"="+v)
	}
	return render("agent.properties", filepath.Join(dir, "agent.properties"), struct {
		AgentConfig
		Port                              int
		Dir, CassandraYAML, Driver, Kafka string
		More                              []string
	}{a, s.ports.Agent, dir, s.cassandraYAML(), filepath.Join(dir, "driver.conf"), loopback(s.ports.Kafka), more})
}

// ping asks the agent, whose HTTP server starts after its schema is read.
func ping(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 100))
	_ = res.Body.Close() // it was only read
	if err == nil && (res.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "pong") {
		err = fmt.Errorf("%s answers %s, %q", url, res.Status, body)
	}
	return err
}
