package spec_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
)

// The section tracing is there or not, and what is wrong with it is said.
func TestTracing(t *testing.T) {
	t.Parallel()
	for section, problem := range map[string]string{
		"": "", "tracing: {}\n": "", "tracing: {ratio: 0}\n": "", "tracing: {endpoint: \"https://x:4317\", protocol: grpc, ratio: 0.5}\n": "",
		"tracing: {endpoint: \"x:4317\"}\n": "endpoint", "tracing: {endpoint: \"http://\"}\n": "endpoint", "tracing: {protocol: pigeon}\n": "protocol",
		"tracing: {ratio: 1.5}\n": "ratio", "tracing: {ratio: -1}\n": "ratio",
	} {
		s, err := spec.Parse(t.Context(), "p.yaml", []byte(showy+section), parts(new(world)), spec.Options{
			Environ: []string{"TOPICS=one", "HOST=pg"}, Resolvers: map[string]spec.Resolver{"vault": spec.ResolverFunc(vault)},
		})
		if problem != "" {
			if err == nil || !fault.Is(spec.Problems(err)[0], fault.ConfigValue) || !strings.Contains(err.Error(), problem) {
				t.Errorf("%q: got %v", section, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", section, err)
		} else if c := s.Config.Tracing; (c != nil) != (section != "") || c != nil && (c.Ratio != nil) != strings.Contains(section, "ratio") {
			t.Errorf("%q: got %+v", section, c)
		}
	}
}
