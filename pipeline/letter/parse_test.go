package letter_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// What a topic holds of a letter is the letter, whatever headers its record had.
func TestParse(t *testing.T) {
	t.Parallel()
	e := &cdc.Event{Topic: "cdc.shop.orders", Partition: 3, Offset: 7, Key: []byte("k"), Value: []byte{0xff}, Time: time.Unix(9, 0), Headers: []cdc.EventHeader{
		{Key: "h", Value: []byte{1}}, {Key: "__connect.errors.topic", Value: []byte("another's")}, {Key: "cdcpipe.outlet", Value: []byte("x")},
	}}
	for _, cause := range []error{
		errors.Join(fault.New(fault.NulInText, "column a"), fault.New(fault.RuleFailed, "%w", rule{})),
		fault.New(fault.StaleLost, "table t: %w", &letter.Late{Written: 5, Winner: 6}),
	} {
		want := of(cause, nil, e)
		kept := &cdc.Event{Topic: "cassandra.cdc.dlq", Offset: 99, Key: e.Key, Value: e.Value, Headers: want.Headers(), Time: e.Time}
		got, truncated, err := letter.Parse(kept)
		if err != nil || truncated {
			t.Fatalf("truncated %t, %v", truncated, err)
		}
		got.First, got.Last = got.First.Local(), got.Last.Local()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v of %+v, want %+v of %+v", got, got.Event, want, want.Event)
		}
		kept.Headers = append(kept.Headers, cdc.EventHeader{Key: "cdcpipe.truncated", Value: []byte("true")})
		if _, truncated, err = letter.Parse(kept); err != nil || !truncated {
			t.Errorf("truncated %t, %v", truncated, err)
		}
	}
	l := of(errors.New("x"), nil, e)
	whole := l.Headers()
	for i := range whole {
		hs := slices.Delete(slices.Clone(whole), i, i+1)
		if _, _, err := letter.Parse(&cdc.Event{Headers: hs}); err == nil && slices.Contains([]string{"cdcpipe.attempts", "__connect.errors.offset", "cdcpipe.error.code"}, whole[i].Key) {
			t.Errorf("without %s it is taken for a letter", whole[i].Key)
		}
	}
	if _, _, err := letter.Parse(&cdc.Event{}); err == nil {
		t.Error("a record without headers is taken for a letter")
	}
}
