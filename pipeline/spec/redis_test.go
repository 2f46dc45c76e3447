package spec_test

import (
	"strings"
	"testing"

	"cdcpipe/pipeline/spec"
)

// Redis is at an address, or where sentinels say.
func TestRedis(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		redis spec.Redis
		want  string
	}{
		{spec.Redis{Address: "a:1"}, ""},
		{spec.Redis{Sentinels: []string{"a:1", "[::1]:2"}, MasterSet: "m", SentinelPassword: "p"}, ""},
		{spec.Redis{}, "address: is required, or sentinels"},
		{spec.Redis{Address: "redis://u:p@h:1"}, "address: expected host:port"},
		{spec.Redis{Address: "a:1", MasterSet: "m"}, "sentinels: is required with master_set"},
		{spec.Redis{Address: "a:1", SentinelUsername: "u"}, "sentinels: is required with"},
		{spec.Redis{Sentinels: []string{"a:1"}}, "master_set: is required"},
		{spec.Redis{Sentinels: []string{"a:1", "b"}, MasterSet: "m"}, "sentinels: expected host:port"},
		{spec.Redis{Address: "a:1", Sentinels: []string{"a:1"}, MasterSet: "m"}, "one or the other"},
	} {
		err := tc.redis.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %q", tc.redis, err, tc.want)
		}
	}
	if got := (spec.Redis{Sentinels: []string{"a:1", "b:2"}, MasterSet: "m"}).Where(); got != "m of the sentinels a:1, b:2" {
		t.Errorf("got %q", got)
	}
}
