package capture_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cdcpipe/coord/capture"
	"cdcpipe/pipeline/cdc"
)

// What is written is read as it was.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }))
		e := &cdc.Event{
			Topic: rapid.StringMatching(`[a-z.]{1,9}`).Draw(t, "topic"), Partition: rapid.Int32Min(0).Draw(t, "partition"), Offset: rapid.Int64Min(0).Draw(t, "offset"),
			Key: data.Draw(t, "key"), Value: data.Draw(t, "value"),
		}
		if rapid.Bool().Draw(t, "timed") {
			e.Time = time.UnixMilli(rapid.Int64Range(0, 1e13).Draw(t, "time"))
		}
		for range rapid.IntRange(0, 2).Draw(t, "headers") {
			e.Headers = append(e.Headers, cdc.EventHeader{Key: string(data.Draw(t, "header")), Value: data.Draw(t, "header value")})
		}
		var why any
		if rapid.Bool().Draw(t, "rejected") {
			why = map[string]string{"topic": "another"}
		}
		text, err := capture.Append([]byte("before"), e, why)
		if err != nil {
			t.Fatal(err)
		}
		text, ok := bytes.CutPrefix(text, []byte("before"))
		if !ok || bytes.Count(text, []byte("\n")) != 1 || !bytes.HasSuffix(text, []byte("\n")) {
			t.Fatalf("not one line: %q", text)
		}
		got, err := capture.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("got %+v, want %+v", got, e)
		}
	})
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"topic":"t"}`: "",
		`{"topic":"t","value":null,"timestamp":-1}`:       "",
		`{"topic":"t","value":"\ud83d\ude00 \\ud800 \n"}`: "",
		`{"topic":"t","unknown":{"value":1}}`:             "",
		``:                                                "unexpected end",
		`{"topic":"t"`:                                    "unexpected end",
		`{"topic":"t"}{}`:                                 "after top-level value",
		`[]`:                                              "cannot unmarshal array",
		`{"value":"v"}`:                                   "no topic",
		`{"topic":"t","value":{}}`:                        "cannot unmarshal object",
		`{"topic":"t","partition":3000000000}`:            "cannot unmarshal number",
		`{"topic":"t","offset":-1}`:                       "negative",
		`{"topic":"t","offset":1.5}`:                      "cannot unmarshal number",
		`{"topic":"t","value":"a","value_base64":"YQ=="}`: "both",
		`{"topic":"t","headers":[{"value_base64":"*"}]}`:  "illegal base64",
		"{\"topic\":\"t\",\"value\":\"\xff\"}":            "not UTF-8",
		`{"topic":"t","value":"\ud83d"}`:                  "surrogate",
		`{"topic":"t","value":"\uDE00\ud83d"}`:            "surrogate",
		`{"topic":"t","value":"\ud83d\u0041"}`:            "surrogate",
		`{"topic":"t","key":"\\\ud83d"}`:                  "surrogate",
		strings.Repeat(`[`, 20000):                        "exceeded max depth",
	} {
		_, err := capture.Parse([]byte(text))
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.60s: got %v, want %q", text, err, want)
		}
	}
}

// Real captures are read, and are the same when they are written.
func TestCaptured(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/events/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			e, err := capture.Parse(s.Bytes())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text, err := capture.Append(nil, e, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(s.Bytes(), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %s, want %s", name, text, s.Bytes())
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"topic":"t","partition":1,"offset":2,"timestamp":3,"headers":[{"key":"a","value":"b"}],"key":"k","value":"v"}`))
	f.Add([]byte(`{"topic":"t","key_base64":"/w==","value":"\ud83d\ude00"}`))
	f.Add([]byte(`{"topic":"t","value":"\ud83d"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := capture.Parse(text)
		if err != nil {
			return
		}
		again, err := capture.Append(nil, e, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := capture.Parse(again)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("got %+v (%v), want %+v", got, err, e)
		}
	})
}
