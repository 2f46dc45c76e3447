package realstack

// Component returns one of the servers.
func (s *Stack) Component(p Part) *Component { return s.parts[p] }

// Dir returns the directory of the stack.
func (s *Stack) Dir() string { return s.cfg.Dir }

// Ports returns where the servers listen, or will.
func (s *Stack) Ports() Ports { return s.ports }

// KafkaAddr returns the address of the broker, as host:port.
func (s *Stack) KafkaAddr() string { return loopback(s.ports.Kafka) }

// CassandraAddr returns where Cassandra speaks the native protocol, as host:port.
func (s *Stack) CassandraAddr() string { return loopback(s.ports.Cassandra) }

// AgentURL returns the address of the agent's HTTP server.
func (s *Stack) AgentURL() string { return "http://" + loopback(s.ports.Agent) }

// DSN returns the address of PostgreSQL, with its password, or nothing if it was
// never started.
func (s *Stack) DSN() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dsn
}

// Topic returns the name of the topic that has the events of a table.
func (s *Stack) Topic(keyspace, table string) string {
	return s.cfg.Agent.TopicPrefix + "." + keyspace + "." + table
}

// of returns the port that clients of a part use.
func (p Ports) of(part Part) int {
	return map[Part]int{Kafka: p.Kafka, Cassandra: p.Cassandra, Agent: p.Agent, Postgres: p.Postgres}[part]
}
