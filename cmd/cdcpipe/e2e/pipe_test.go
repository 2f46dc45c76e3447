//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// pipelineFile is what the tests run, with cdcpipe run -f.
const pipelineFile = `version: 1
name: %[1]s
schema:
  cassandra: {hosts: ["127.0.0.1"], port: %[2]d, keyspaces: [needed, always, never]}
source:
  use: kafka
  with:
    brokers: ["%[3]s"]
    topic_patterns: ['cdc\..*']
    exclude_patterns: ['cdc\.broken\..*']
    group: %[1]s
    session_timeout: 6s
    metadata_max_age: 1s
stages:
  - decode
  - use: hydrate
    with:
      mode: when_needed
      tables: [{match: "always.*", mode: always}, {match: "never.*", mode: never}]
  - validate
  - schema_check
  - stale_check
  - {use: batch, with: {records: 2000, every: 20ms}}
sink:
  use: postgres
  with:
    dsn: "%[4]s"
    types: {date: text, time: bigint, timestamp: bigint, duration: text}
outlets:
  dead_letter: {use: postgres, with: {dsn: "%[4]s"}}
  invalid: {use: postgres, with: {dsn: "%[4]s"}}
  stale: {use: postgres, with: {dsn: "%[4]s"}}
commit: {every: 100ms}
%[5]s`

// A pipe is the program at work, as a process of its own.
type pipe struct {
	*lab
	name, file, log string
	cmd             *exec.Cmd
	ended           chan struct{}
	err             error // once ended is closed
}

// start runs a pipeline of that name; more are lines of its file.
func (l *lab) start(name, more string) (*pipe, error) {
	p := &pipe{lab: l, name: name, file: filepath.Join(l.Dir(), name+".yaml"), log: filepath.Join(l.Dir(), name+".log")}
	text := fmt.Sprintf(pipelineFile, name, l.Ports().Cassandra, l.KafkaAddr(), l.DSN(), more)
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return p, p.restart()
}

// restart starts the program again, after it has ended.
func (p *pipe) restart() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p.cmd = exec.Command(p.bin, "run", "-f", p.file, "--admin", "127.0.0.1:0") //nolint:noctx // it ends by stop or kill
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	p.ended = make(chan struct{})
	go func() {
		runtime.LockOSThread() // with whose end the program is killed
		defer close(p.ended)
		defer log.Close()
		p.err = p.cmd.Start()
		started <- p.err
		if p.err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	return <-started
}

// kill ends the program as a crash would.
func (p *pipe) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop ends the program in order.
func (p *pipe) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(time.Minute):
		p.kill()
		return fmt.Errorf("%s does not stop; its log ends in\n%s", p.name, tail(p.log, 40))
	}
}

// running reports an error if the program has ended.
func (p *pipe) running() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended: %w\n%s", p.name, p.err, tail(p.log, 40))
	default:
		return nil
	}
}

// logged reports whether the program's log has a line with all of these words.
func (p *pipe) logged(words ...string) bool {
	b, _ := os.ReadFile(p.log)
	for line := range strings.Lines(string(b)) {
		found := true
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			return true
		}
	}
	return false
}
