package containers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/pipeline/fault"
)

// script writes what the server says to the file that is its first argument.
const script = `log=$1; shift; exec >>"$log" 2>&1; exec `

// A container is a server that runs as one, until it ends; it is then removed.
type container struct {
	client *docker.Client
	part   realstack.Part
	id     string
	pid    int
	done   chan struct{}
	cancel context.CancelFunc // of the wait for its end

	exit, left error // set before done is closed: how it ended; why it is still there
}

// Run starts a server in a container of its own, after [Docker.Open].
func (d *Docker) Run(ctx context.Context, s realstack.Server) (realstack.Program, error) {
	if err := d.fetch(ctx, s.Part); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	im := images[s.Part]
	repository, tag, _ := strings.Cut(im.name, ":")
	r, err := d.pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository,
		Tag:        tag,
		User:       user(s.Part),
		WorkingDir: s.Dir,
		Env:        append([]string{"HOME=" + s.Stack + "/tmp"}, s.Env...),
		Entrypoint: []string{"sh", "-c", script + im.command + ` "$@"`, "sh", s.Log},
		Cmd:        append(append([]string{}, s.Args...), s.Main...),
		Mounts:     []string{s.Stack + ":" + s.Stack},
		Labels:     map[string]string{Label: s.Stack, partLabel: string(s.Part)},
	}, func(h *docker.HostConfig) {
		h.NetworkMode, h.PublishAllPorts = "host", false
		h.AutoRemove = true // also if this process does not live to do it
	})
	if err != nil { // there may be a container even so
		left := sweep(context.WithoutCancel(ctx), d.pool.Client, s.Stack, Label+"="+s.Stack, partLabel+"="+string(s.Part))
		return nil, fault.New(fault.ServerStart, "start %s as a container of %s: %w", s.Part, im.name, errors.Join(err, left))
	}
	if err := r.Expire(uint(expiry.Seconds())); err != nil {
		return nil, fault.New(fault.ServerStart, "%w", err)
	}
	c := &container{client: d.pool.Client, part: s.Part, id: r.Container.ID, pid: r.Container.State.Pid, done: make(chan struct{})}
	var waits context.Context
	waits, c.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it ends by Stop, not with the context of Start
	go c.watch(waits)
	return c, nil
}

// user returns this process's, so that files are its own. The image of PostgreSQL
// has a user to change to from root, whom its server refuses.
func user(p realstack.Part) string {
	if p == realstack.Postgres && os.Geteuid() == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
}

// watch waits for the end of the container, and removes it.
func (c *container) watch(ctx context.Context) {
	defer close(c.done)
	defer c.cancel()
	code, err := c.client.WaitContainerWithContext(c.id, ctx)
	switch {
	case err != nil:
		c.exit = fmt.Errorf("exit status unknown: %w", err)
	case code != 0:
		c.exit = fmt.Errorf("exit status %d", code)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	c.left = remove(ctx, c.client, c.id)
}

// PID returns the process on this machine that is the container's first.
func (c *container) PID() int { return c.pid }

// Done is closed when it has ended and is removed.
func (c *container) Done() <-chan struct{} { return c.done }

// Exit says how it ended.
func (c *container) Exit() error { return c.exit }

// Stop sends the server's own signal rather than let Docker stop it, which would
// send the one that dockertest gives all containers.
func (c *container) Stop(ctx context.Context) error {
	_ = c.signal(ctx, images[c.part].stop) // if it cannot be told, it is killed when ctx ends
	select {
	case <-c.done:
		if c.left != nil {
			return fmt.Errorf("remove container %.12s of %s: %w", c.id, c.part, c.left)
		}
		return nil
	case <-ctx.Done():
		c.kill(context.WithoutCancel(ctx))
		return fmt.Errorf("stop %s: %w", c.part, context.Cause(ctx))
	}
}

// Kill ends it by SIGKILL. Its data lie in the stack's directory and stay.
func (c *container) Kill() { c.kill(context.Background()) }

func (c *container) kill(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := c.signal(ctx, docker.SIGKILL); err != nil {
		c.cancel() // there is nothing to wait for
	}
	<-c.done
}

// signal sends a signal, unless it has ended.
func (c *container) signal(ctx context.Context, sig docker.Signal) error {
	err := c.client.KillContainer(docker.KillContainerOptions{Context: ctx, ID: c.id, Signal: sig})
	if gone(err) {
		return nil
	}
	if _, ended := errors.AsType[*docker.ContainerNotRunning](err); ended {
		return nil
	}
	return err
}

// remove removes a container, also one that runs.
func remove(ctx context.Context, client *docker.Client, id string) error {
	err := client.RemoveContainer(docker.RemoveContainerOptions{Context: ctx, ID: id, Force: true, RemoveVolumes: true})
	if e, ok := errors.AsType[*docker.Error](err); gone(err) || ok && e.Status == http.StatusConflict {
		return nil // by Docker itself, or in the midst of that
	}
	return err
}

func gone(err error) bool {
	_, ok := errors.AsType[*docker.NoSuchContainer](err)
	return ok
}
