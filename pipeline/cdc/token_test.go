package cdc_test

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
)

// Tokens as Cassandra 5.0 gives them.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key  string
		want int64
	}{
		{"", math.MinInt64},
		{"00", 5048724184180415669},
		{"ff", -4442228696663692417},
		{"80ff7f", 2681930555669753336},
		{"0102030405060708", -7140443302367346724},
		{"f1f2f3f4f5f6f7f8f9", -262428452945560120},
		{"000102030405060708090a0b0c0d0e0f", 4920504430128807728},
		{"fff0e1d2c3b4a5968778695a4b3c2d1e0f80ff", -297195771852439091},
		{strings.Repeat("9b", 47), 4825653647828220690},
	} {
		key, err := hex.DecodeString(tc.key)
		if err != nil {
			t.Fatal(err)
		}
		if got := cdc.Token(key); got != tc.want {
			t.Errorf("token of %s is %d, want %d", tc.key, got, tc.want)
		}
	}
}

func TestTokenOfSeveralColumns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a    string
		b    int32
		want int64
	}{{"é", 7, 493330604206859574}, {"", -1, 4642852948223527971}} {
		key := []cdc.Value{cdc.Value(tc.a), cdc.AppendInt32(nil, tc.b)}
		if got := cdc.Token(cdc.AppendRoutingKey(nil, key)); got != tc.want {
			t.Errorf("token of %q, %d is %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
