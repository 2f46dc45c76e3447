package realstack

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"

	"cdcpipe/pipeline/fault"
)

// Ports are where the servers listen, all on the loopback address.
type Ports struct {
	Kafka      int `json:"kafka"`
	Controller int `json:"kafka_controller"`
	Cassandra  int `json:"cassandra"`
	Storage    int `json:"cassandra_storage"`
	Agent      int `json:"agent"`
	Postgres   int `json:"postgres"`
}

func (p *Ports) all() []*int {
	return []*int{&p.Kafka, &p.Controller, &p.Cassandra, &p.Storage, &p.Agent, &p.Postgres}
}

// choosePorts keeps those of before that are free and finds others for the rest.
//
// They lie below the range that the kernel takes the ports of outgoing
// connections from: a client that keeps trying a port of that range while its
// server is down connects to itself in the end, and the server cannot come back.
func choosePorts(ctx context.Context, before Ports) (Ports, error) {
	ports := before
	low := min(ephemeral(), 32768)
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	hold := func(port int) bool {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
		if err == nil {
			held = append(held, l)
		}
		return err == nil
	}
	for _, p := range ports.all() {
		found := *p != 0 && hold(*p)
		for try := 0; !found && try < 100; try++ {
			*p = 10000 + rand.IntN(max(low-10000, 1000))
			found = hold(*p)
		}
		if !found {
			return ports, fault.New(fault.ServerStart, "find a free port between 10000 and %d: none of 100 tried", low)
		}
	}
	return ports, nil
}

// ephemeral returns where the range of the kernel's own choice of ports begins
// (ip(7), ip_local_port_range).
func ephemeral() int {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 32768
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\t")
	if n, err := strconv.Atoi(first); err == nil && n > 12000 {
		return n
	}
	return 32768
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
