package main

import (
	"bytes"
	_ "embed" // what follows
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/pipeline/fault"
)

var (
	//go:embed dev.cql
	devTables string
	//go:embed dev.yaml
	devPipeline string
)

// devStatements returns the statements of dev.cql.
func devStatements() (statements []string) {
	var code strings.Builder
	for line := range strings.Lines(devTables) {
		if !strings.HasPrefix(line, "--") {
			code.WriteString(line)
		}
	}
	for s := range strings.SplitSeq(code.String(), ";") {
		if s = strings.TrimSpace(s); s != "" {
			statements = append(statements, s)
		}
	}
	return statements
}

// devAddresses are where the servers are.
type devAddresses struct {
	Kafka     string
	Cassandra int // port
	DSNFile   string
}

func renderDev(a devAddresses) ([]byte, error) {
	t, err := template.New("dev.yaml").Parse(devPipeline)
	if err != nil {
		return nil, fault.New(fault.BrokenInvariant, "%w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, a); err != nil {
		return nil, fault.New(fault.BrokenInvariant, "%w", err)
	}
	return b.Bytes(), nil
}

// devWrite writes a pipeline for the stack and its tables into its directory, and
// returns what to tell the user.
func devWrite(s *realstack.Stack) (string, error) {
	file, tables, dsn := filepath.Join(s.Dir(), "pipeline.yaml"), filepath.Join(s.Dir(), "tables.cql"), filepath.Join(s.Dir(), "dsn")
	pipeline, err := renderDev(devAddresses{s.KafkaAddr(), s.Ports().Cassandra, dsn})
	if err != nil {
		return "", err
	}
	for path, content := range map[string][]byte{file: pipeline, tables: []byte(devTables), dsn: []byte(s.DSN())} {
		if err := os.WriteFile(path, content, 0o600); err != nil { // dsn has the password
			return "", fault.New(fault.DataDirectory, "%w", err)
		}
	}
	var b strings.Builder
	for _, l := range [][2]string{
		{"Kafka", s.KafkaAddr()}, {"Cassandra", s.CassandraAddr()}, {"agent", s.AgentURL()}, {"PostgreSQL", s.DSN()},
		{"logs", filepath.Join(s.Dir(), "logs")}, {"tables", tables}, {"pipeline", file},
	} {
		fmt.Fprintf(&b, "%-11s %s\n", l[0], l[1])
	}
	fmt.Fprintf(&b, "\nReplicate: cdcpipe run -f %s\n", file)
	fmt.Fprintf(&b, "Write:     cdcpipe dev cql --dir %s \"INSERT INTO shop.orders (customer, placed, item, qty) VALUES (1, 'a', 1, 2)\"\n", s.Dir())
	fmt.Fprintf(&b, "Read:      psql %q -c 'SELECT * FROM shop.orders'\n", s.DSN())
	return b.String(), nil
}
