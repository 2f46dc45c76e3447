package containers_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An asked is what a container was asked for.
type asked struct {
	Image      string
	User       string
	WorkingDir string
	Env        []string
	Entrypoint []string
	Cmd        []string
	Labels     map[string]string
	HostConfig struct {
		Binds           []string
		NetworkMode     string
		AutoRemove      bool
		PublishAllPorts bool
	}

	cmd     *exec.Cmd
	ended   chan struct{}
	signals []syscall.Signal
}

// An engine answers as the API of Docker's Engine does, for as much of it as the
// package uses. Its containers are processes that see this machine's files, and
// programs of the test's own.
type engine struct {
	t   *testing.T
	bin string // directory of programs

	mu      sync.Mutex
	fetched []string // images, and where from
	all     []*asked
	there   map[string]*asked
}

// newEngine starts one, to which DOCKER_HOST points.
func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t, bin: t.TempDir(), there: map[string]*asked{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /images/", e.image)
	mux.HandleFunc("POST /images/create", func(_ http.ResponseWriter, r *http.Request) {
		e.fetch("pulled " + r.FormValue("fromImage") + ":" + r.FormValue("tag"))
	})
	mux.HandleFunc("POST /build", e.build)
	mux.HandleFunc("GET /containers/json", e.list)
	mux.HandleFunc("POST /containers/create", e.create)
	mux.HandleFunc("POST /containers/{id}/start", e.of(e.start))
	mux.HandleFunc("GET /containers/{id}/json", e.of(func(w http.ResponseWriter, r *http.Request, c *asked) {
		answer(w, map[string]any{"Id": r.PathValue("id"), "State": map[string]any{"Pid": c.cmd.Process.Pid}, "NetworkSettings": map[string]any{}})
	}))
	mux.HandleFunc("POST /containers/{id}/kill", e.of(e.kill))
	for _, until := range []string{"wait", "stop"} { // nothing here heeds what Docker stops it by
		mux.HandleFunc("POST /containers/{id}/"+until, e.of(func(w http.ResponseWriter, r *http.Request, c *asked) {
			select {
			case <-c.ended:
				answer(w, map[string]any{"StatusCode": c.cmd.ProcessState.ExitCode()})
			case <-r.Context().Done():
			}
		}))
	}
	mux.HandleFunc("DELETE /containers/{id}", e.of(func(_ http.ResponseWriter, r *http.Request, c *asked) {
		if c.cmd.Process != nil {
			_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
			<-c.ended
		}
		e.mu.Lock()
		delete(e.there, r.PathValue("id"))
		e.mu.Unlock()
	}))
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.Server{Listener: listener, Config: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(func() {
		for _, c := range e.containers() {
			if c.cmd != nil && c.cmd.Process != nil {
				_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
			}
		}
		server.Close()
	})
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	t.Setenv("CDCPIPE_STACK", "docker")
	return e
}

func answer(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

// program has a container find a program, written for a shell.
func (e *engine) program(name, text string) {
	if err := os.WriteFile(filepath.Join(e.bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		e.t.Fatal(err)
	}
}

// containers returns all that were ever made.
func (e *engine) containers() []*asked {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

func (e *engine) left() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.there)
}

func (e *engine) fetch(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetched = append(e.fetched, what)
}

func (e *engine) image(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/images/"), "/json")
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.ContainsFunc(e.fetched, func(f string) bool { return strings.Contains(f, " "+name) }) {
		w.WriteHeader(http.StatusNotFound)
	}
	answer(w, map[string]any{})
}

func (e *engine) build(w http.ResponseWriter, r *http.Request) {
	var files []string
	for archive := tar.NewReader(r.Body); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		files = append(files, h.Name)
	}
	slices.Sort(files)
	e.fetch(fmt.Sprint("built ", r.FormValue("t"), " ", files))
}

func (e *engine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string][]string
	if err := json.Unmarshal([]byte(r.FormValue("filters")), &filters); err != nil || r.FormValue("all") != "1" {
		http.Error(w, "want all, by label", http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []map[string]string{}
	for id, c := range e.there {
		if !slices.ContainsFunc(filters["label"], func(l string) bool { k, v, _ := strings.Cut(l, "="); return c.Labels[k] != v }) {
			found = append(found, map[string]string{"Id": id})
		}
	}
	answer(w, found)
}

func (e *engine) create(w http.ResponseWriter, r *http.Request) {
	c := &asked{ended: make(chan struct{})}
	if err := json.NewDecoder(r.Body).Decode(c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, c)
	id := fmt.Sprintf("%064d", len(e.all))
	e.there[id] = c
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"Id": id})
}

// of answers for one container, if it is there.
func (e *engine) of(answers func(http.ResponseWriter, *http.Request, *asked)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		c := e.there[r.PathValue("id")]
		e.mu.Unlock()
		if c == nil {
			http.Error(w, "no such container", http.StatusNotFound)
			return
		}
		answers(w, r, c)
	}
}

func (e *engine) start(w http.ResponseWriter, _ *http.Request, c *asked) {
	c.cmd = exec.Command(c.Entrypoint[0], append(c.Entrypoint[1:], c.Cmd...)...) //nolint:noctx // it ends as the test says
	c.cmd.Dir = c.WorkingDir
	c.cmd.Env = append([]string{"PATH=" + e.bin + ":" + os.Getenv("PATH")}, c.Env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	go func() {
		_ = c.cmd.Wait() // its state says it
		close(c.ended)
	}()
	w.WriteHeader(http.StatusNoContent)
}

func (e *engine) kill(w http.ResponseWriter, r *http.Request, c *asked) {
	n, err := strconv.Atoi(r.FormValue("signal"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	c.signals = append(c.signals, syscall.Signal(n))
	e.mu.Unlock()
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.Signal(n)) // gone already is fine
}
