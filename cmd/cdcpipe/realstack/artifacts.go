package realstack

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"cdcpipe/pipeline/fault"
)

// A coordinate names an artifact of a Maven repository.
type coordinate struct{ Group, Artifact, Version string }

// A library is a directory of jars in the cache.
type library struct {
	Name        string       // of the directory, with the version
	Coordinates []coordinate // these, and all that they depend on
	Single      string       // or this one, as group:artifact:version:type:classifier, alone
	Needs       []string     // globs of jars without which it is not whole
}

var kafkaLibrary = library{
	Name: "kafka-4.1.1",
	Coordinates: []coordinate{
		{Group: "org.apache.kafka", Artifact: "kafka_2.13", Version: "4.1.1"},
		{Group: "org.apache.kafka", Artifact: "kafka-tools", Version: "4.1.1"},
		{Group: "org.slf4j", Artifact: "slf4j-simple", Version: "1.7.36"}, // Kafka brings the API of that version, and no binding
	},
	Needs: []string{"kafka_2.13-4.1.1.jar", "kafka-tools-4.1.1.jar", "kafka-server-4.1.1.jar", "kafka-clients-4.1.1.jar", "scala-library-*.jar", "slf4j-simple-1.7.36.jar"},
}

func cassandraLibrary(version string) library {
	return library{
		Name:        "cassandra-" + version,
		Coordinates: []coordinate{{Group: "org.apache.cassandra", Artifact: "cassandra-all", Version: version}},
		Needs:       []string{"cassandra-all-" + version + ".jar", "jamm-*.jar", "netty-*.jar", "logback-classic-*.jar", "snakeyaml-*.jar"},
	}
}

// agentLibrary is the one jar of Debezium's agent for a line of Cassandra.
func agentLibrary(line, version string) library {
	artifact := "debezium-connector-cassandra-" + line
	return library{
		Name:   artifact + "-" + version,
		Single: "io.debezium:" + artifact + ":" + version + ":jar:jar-with-dependencies",
		Needs:  []string{artifact + "-" + version + "-jar-with-dependencies.jar"},
	}
}

// DefaultCache returns where artifacts are kept: CDCPIPE_CACHE, else a directory
// in the user's cache.
func DefaultCache() (string, error) {
	if dir := os.Getenv("CDCPIPE_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New(fault.DataDirectory, "find a directory for the artifacts: %w", err)
	}
	return filepath.Join(dir, "cdcpipe"), nil
}

// whole reports what keeps dir from being the library.
func (l library) whole(dir string) error {
	for _, g := range l.Needs {
		found, err := filepath.Glob(filepath.Join(dir, g))
		if err == nil && len(found) == 0 {
			err = fault.New(fault.ArtifactMissing, "%s holds no %s", dir, g)
		}
		if err != nil {
			return err
		}
		for _, f := range found {
			if st, err := os.Stat(f); err != nil || st.Size() == 0 {
				return fault.New(fault.ArtifactMissing, "%s is empty or unreadable", f)
			}
		}
	}
	return nil
}

// fetch returns the directory of the library's jars, which Maven fetches if the
// cache does not have them. Any number of processes may call it at once: one
// fetches, the others wait.
func (l library) fetch(ctx context.Context, cache, java string, told func(string)) (string, error) {
	dir := filepath.Join(cache, l.Name)
	if l.whole(dir) == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fault.New(fault.DataDirectory, "make %s: %w", cache, err)
	}
	lock, err := waitLock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if l.whole(dir) == nil {
		return dir, nil // another process has fetched it meanwhile
	}
	mvn, err := findMaven()
	if err != nil {
		return "", err
	}
	told("fetching " + l.Name)
	// Whoever made these was interrupted: the lock is ours.
	left, _ := filepath.Glob(dir + ".new.*")
	for _, d := range append(left, dir) {
		if err := os.RemoveAll(d); err != nil {
			return "", fault.New(fault.DataDirectory, "%w", err)
		}
	}
	tmp := dir + ".new." + rand.Text()
	defer os.RemoveAll(tmp) //nolint:errcheck // it is renamed, or removed by the next fetch
	if err := render("pom.xml", filepath.Join(tmp, "pom.xml"), l); err != nil {
		return "", err
	}
	jars := filepath.Join(tmp, "jars")
	args := []string{"dependency:copy-dependencies", "-DoutputDirectory=" + jars}
	if l.Single != "" {
		args = []string{"dependency:copy", "-Dartifact=" + l.Single, "-DoutputDirectory=" + jars}
	}
	if err := maven(ctx, mvn, java, tmp, args...); err != nil {
		return "", fault.New(fault.ArtifactMissing, "fetch %s: %w", l.Name, err)
	}
	if err := l.whole(jars); err != nil {
		return "", err
	}
	if err := os.Rename(jars, dir); err != nil {
		return "", fault.New(fault.DataDirectory, "%w", err)
	}
	return dir, nil
}

// maven runs Maven in dir. It dies with this process.
func maven(ctx context.Context, mvn, java, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, mvn, append([]string{"-B", "-q"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "JAVA_HOME="+java)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var out []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // see launch
		out, err = cmd.CombinedOutput()
	}()
	<-done
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	said := strings.TrimSpace(string(out))
	return errors.Join(err, errors.New(said[:min(len(said), 2000)]))
}

// waitLock takes the lock of a file, until it is closed or this process ends.
func waitLock(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := tryLock(path)
		if err != nil || f != nil {
			return f, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, fault.New(fault.DirectoryInUse, "another process holds %s: %w", path, context.Cause(ctx))
		}
	}
}

// tryLock is waitLock without waiting: it returns nil if another process has it.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fault.New(fault.DataDirectory, "%w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fault.New(fault.DataDirectory, "lock %s: %w", path, err)
}
