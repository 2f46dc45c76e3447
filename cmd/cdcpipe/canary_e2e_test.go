//go:build e2e

package main

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// The canary makes its table, comes through once the agent has seen it, is measured,
// and notices it when the agent is killed and when it is back.
func TestE2ECanary(t *testing.T) {
	w := newWard(t)
	w.names(0, []string{"CDC-7031 table shop.users", "CDC-7031 canary"}, canaryOn...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr watched
	ended := make(chan int, 1)
	go func() {
		var stdout bytes.Buffer
		ended <- run(ctx, append([]string{"cdcpipe", "run", "-f", w.file, "--admin", "127.0.0.1:0"}, canaryOn...), &stdout, &stderr)
	}()
	said := func(what string) func() bool {
		return func() bool { return strings.Contains(stderr.String(), what) }
	}
	why := func() string { return tail(stderr.String()) }
	until(t, why, said("made the canary's table"))
	until(t, why, said("CDC-7041")) // nothing reads
	if err := w.StartParts(t.Context(), realstack.Agent); err != nil {
		t.Fatal(err)
	}
	until(t, why, said("arrive again"))
	w.names(0, []string{"CDC-7031 table shop.users"}, canaryOn...)

	at := regexp.MustCompile(`http://[0-9.:]+`).FindString(stderr.String())
	metric := func(name string) float64 {
		_, body := get(t.Context(), at+"/metrics")
		_, rest, _ := strings.Cut(body, "\n"+name+`{pipeline="ward"} `)
		line, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(line, 64)
		if err != nil {
			t.Fatalf("no %s in\n%s", name, body)
		}
		return v
	}
	until(t, why, func() bool {
		return metric("cdcpipe_canary_seconds_count") >= 5 && metric("cdcpipe_canary_age_seconds") < 8
	})
	t.Logf("%v canaries, %.2f s on average", metric("cdcpipe_canary_seconds_count"), metric("cdcpipe_canary_seconds_sum")/metric("cdcpipe_canary_seconds_count"))

	was := len(stderr.String())
	since := func(what string) func() bool {
		return func() bool { return strings.Contains(stderr.String()[was:], what) }
	}
	w.Component(realstack.Agent).Kill()
	until(t, why, since("CDC-7041"))
	if age := metric("cdcpipe_canary_age_seconds"); age < 8 {
		t.Errorf("silent, and the age is %v", age)
	}
	if err := w.Component(realstack.Agent).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, why, since("arrive again"))
	cancel()
	if code := <-ended; code != exitInterrupted && code != 0 {
		t.Errorf("exit %d\n%s", code, stderr.String())
	}
}

// canaryOn lays a canary over a file that has none.
var canaryOn = []string{"--set", "canary.every=1s", "--set", "canary.silence=8s"}
