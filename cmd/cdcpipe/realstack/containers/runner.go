// Package containers runs the servers of a [realstack.Stack] as Docker containers,
// of the images that compose/compose.yaml names. Only tests import it: the program
// knows nothing of Docker.
//
// CDCPIPE_STACK=docker in the environment chooses it for every test that takes its
// Runner of [FromEnv]:
//
//	CDCPIPE_STACK=docker task test-e2e
//
// It takes Docker on this machine, with Linux containers: they are on the host's
// network, so that servers listen at the ports that the stack has chosen, and have
// the stack's directory at its own path, so that they read the configurations that
// are rendered for processes, and Cassandra and the agent share their files. They
// run as the user of this process. DOCKER_HOST says where the daemon is, else it is
// the usual socket.
//
// A container is removed when its server ends. One whose owner was killed goes on
// until the next start in its directory, or for an hour; all there are go by
//
//	docker rm -f $(docker ps -aq --filter label=cdcpipe.stack)
package containers

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/pipeline/fault"
)

// Label has every container that this package starts; its value is the stack's
// directory.
const Label = "cdcpipe.stack"

// partLabel has the part.
const partLabel = "cdcpipe.part"

// line is the one of Cassandra that the images are of.
const line = "5.0"

// expiry is how long a container lasts at most, should nobody stop it.
const expiry = time.Hour

// FromEnv returns the runner that CDCPIPE_STACK names: none, for processes, if it
// is empty or "process"; containers if it is "docker".
func FromEnv() realstack.Runner {
	way := os.Getenv("CDCPIPE_STACK")
	if way == "" || way == "process" {
		return nil
	}
	return &Docker{way: way}
}

// Docker is a [realstack.Runner]. It may be used by several stacks.
type Docker struct {
	way string // as CDCPIPE_STACK says

	mu   sync.Mutex // guards pool, and has one of several servers fetch an image
	pool *dockertest.Pool
}

// Open finds the daemon, and removes the containers of dir that are left.
func (d *Docker) Open(ctx context.Context, dir, cassandra string) error {
	if d.way != "docker" {
		return fault.New(fault.ConfigUsage, "CDCPIPE_STACK is %q; want docker, or process", d.way)
	}
	if cassandra != line {
		return fault.New(fault.ConfigUsage, "there are containers of Cassandra %s, none of %s", line, cassandra)
	}
	pool, err := d.connect(ctx)
	if err != nil {
		return err
	}
	return sweep(ctx, pool.Client, dir, Label+"="+dir)
}

// sweep removes the containers that have all of the labels.
func sweep(ctx context.Context, client *docker.Client, dir string, labels ...string) error {
	left, err := client.ListContainers(docker.ListContainersOptions{Context: ctx, All: true, Filters: map[string][]string{"label": labels}})
	if err != nil {
		return fault.New(fault.DockerDown, "list the containers of %s: %w", dir, err)
	}
	for _, c := range left {
		if err := remove(ctx, client, c.ID); err != nil {
			return fault.New(fault.DirectoryInUse, "remove container %.12s, which is left of %s: %w", c.ID, dir, err)
		}
	}
	return nil
}

func (d *Docker) connect(ctx context.Context) (*dockertest.Pool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pool != nil {
		return d.pool, nil
	}
	pool, err := dockertest.NewPool("")
	if err == nil {
		ping, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		err = pool.Client.PingWithContext(ping)
	}
	if err != nil {
		return nil, fault.New(fault.DockerDown, "CDCPIPE_STACK=docker: %w", err)
	}
	d.pool = pool
	return pool, nil
}
