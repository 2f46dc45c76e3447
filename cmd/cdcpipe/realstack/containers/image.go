package containers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ory/dockertest/v3/docker"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/pipeline/fault"
)

// An image is what a part is started from.
type image struct {
	name    string // with its tag
	command string // for a shell, to which the server's arguments are added
	stop    docker.Signal
}

// images are those of compose/compose.yaml, whose own start scripts are left out
// but for PostgreSQL's: the JVMs get the flags that processes get.
var images = map[realstack.Part]image{
	realstack.Kafka: {
		name:    "apache/kafka:4.1.1",
		command: "java -cp '/opt/kafka/libs/*' -Dlog4j2.configurationFile=/opt/kafka/config/tools-log4j2.yaml",
		stop:    docker.SIGTERM,
	},
	realstack.Cassandra: {
		name:    "cassandra:5.0.6",
		command: "java -javaagent:$(echo /opt/cassandra/lib/jamm-*.jar) -cp '/opt/cassandra/lib/*'",
		stop:    docker.SIGTERM,
	},
	realstack.Agent: {
		name:    "cdcpipe-debezium:3.4.1.Final",
		command: "java -cp /opt/debezium/debezium-connector-cassandra-5-jar-with-dependencies.jar",
		stop:    docker.SIGTERM,
	},
	realstack.Postgres: {
		name:    "postgres:16.11",
		command: "docker-entrypoint.sh",
		stop:    docker.SIGINT, // a fast shutdown
	},
}

// Image returns the image of a part, with its tag.
func Image(p realstack.Part) string { return images[p].name }

// fetch pulls an image that the daemon does not have. The agent's is built of
// compose/debezium, as it is in no registry.
func (d *Docker) fetch(ctx context.Context, p realstack.Part) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	client, name := d.pool.Client, images[p].name
	_, err := client.InspectImage(name)
	if err == nil {
		return nil
	}
	if !errors.Is(err, docker.ErrNoSuchImage) {
		return fault.New(fault.DockerDown, "look for image %s: %w", name, err)
	}
	repository, tag, _ := strings.Cut(name, ":")
	if p == realstack.Agent {
		err = build(ctx, client, name)
	} else {
		err = client.PullImage(docker.PullImageOptions{Context: ctx, Repository: repository, Tag: tag, OutputStream: io.Discard}, docker.AuthConfiguration{})
	}
	if err != nil {
		return fault.New(fault.ArtifactMissing, "fetch image %s: %w", name, err)
	}
	return nil
}

// build leaves the version to the Dockerfile's default, which is the one of the
// name: with arguments, the client would ask by a version of the API that Docker no
// longer has.
func build(ctx context.Context, client *docker.Client, name string) error {
	dir, err := buildContext()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	err = client.BuildImage(docker.BuildImageOptions{
		Context: ctx, Name: name, ContextDir: dir, OutputStream: &said, RmTmpContainer: true,
	})
	if err != nil {
		end := said.String()
		return errors.Join(err, errors.New(end[max(0, len(end)-2000):]))
	}
	return nil
}

// buildContext finds compose/debezium of the checkout that the test runs in.
func buildContext() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "compose", "debezium")
		if _, err := os.Stat(filepath.Join(found, "Dockerfile")); err == nil {
			return found, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no compose/debezium above " + at)
		}
	}
}
