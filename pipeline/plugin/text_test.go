package plugin_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cdcpipe/pipeline/plugin"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want plugin.Size
		back string
	}{
		{"0", 0, "0"}, {"512", 512, "512"}, {"512B", 512, "512"}, {"64MiB", 64 << 20, "64MiB"}, {"64 MiB", 64 << 20, "64MiB"},
		{"1.5GiB", 3 << 29, "1536MiB"}, {"2kB", 2000, "2000"}, {"1TB", 1e12, "976562500KiB"}, {"1024", 1024, "1KiB"}, {"-1KiB", -1024, "-1KiB"},
	} {
		var got plugin.Size
		if err := got.UnmarshalText([]byte(tc.text)); err != nil || got != tc.want || got.String() != tc.back {
			t.Errorf("%q: got %d (%s), %v, want %d (%s)", tc.text, got, got, err, tc.want, tc.back)
		}
	}
	for _, text := range []string{"", "MiB", "64M", "64mib", "1.5", "x", "NaN", "Inf", "9000TiB", "1e300GiB"} {
		if err := new(plugin.Size).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	s := plugin.Secret("hunter2")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "nested", struct{ S plugin.Secret }{s})
	text, _ := s.MarshalText()
	for _, got := range []string{
		fmt.Sprint(s), fmt.Sprintf("%q %v %+v %#v %x", s, s, struct{ S plugin.Secret }{s}, s, s), string(text), log.String(),
	} {
		if strings.Contains(got, "hunter2") || strings.Contains(got, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("shown: %s", got)
		}
	}
	if got := fmt.Sprint(plugin.Secret("")); got != "" {
		t.Errorf("got %q for no secret", got)
	}
}

func TestEnvPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "a/b.cql": "/etc/cdcpipe/a/b.cql", "../x": "/etc/x", "/abs": "/abs"} {
		if got := (plugin.Env{Dir: "/etc/cdcpipe"}).Path(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
