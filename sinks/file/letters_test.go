package file_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/coord/capture"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sinks/file"
)

func open(t testing.TB, cfg file.Config) *file.Letters {
	t.Helper()
	l, err := file.NewLetters(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(t.Context()) })
	return l
}

func reject(o pipeline.Outlet, i int, value []byte) pipeline.Reject {
	return pipeline.Reject{
		Outlet: o, Step: "decode", Cause: fault.New(fault.MalformedJSON, "at byte %d", i), Attempts: 3, FirstFailed: time.Unix(1, 0), LastFailed: time.Unix(2, 0),
		Origin: &cdc.Event{Topic: "t", Partition: 1, Offset: int64(i), Key: []byte("k\xff"), Value: value, Time: time.UnixMilli(5), Headers: []cdc.EventHeader{{Key: "h", Value: []byte("v")}}},
	}
}

func records(rs ...pipeline.Reject) (recs []pipeline.Record[pipeline.Reject]) {
	for _, r := range rs {
		recs = append(recs, pipeline.Record[pipeline.Reject]{Header: &pipeline.Header{Partition: "t/1", Origin: r.Origin}, Value: r})
	}
	return recs
}

// lines returns the lines of an outlet's files, the oldest first.
func lines(t testing.TB, dir, outlet string) (texts [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, outlet+"*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 && text[len(text)-1] != '\n' {
			t.Errorf("%s does not end with a line", p)
		}
		texts = append(texts, slices.DeleteFunc(bytes.Split(text, []byte("\n")), func(b []byte) bool { return len(b) == 0 })...)
	}
	return texts
}

func TestLetters(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "letters", "worker")
	l := open(t, file.Config{Directory: dir})
	r := reject(pipeline.DeadLetter, 7, []byte("{\x00\xfe"))
	if err := l.Write(t.Context(), records(r, reject(pipeline.Stale, 8, nil), reject("my/own", 9, []byte("v")))); err != nil {
		t.Fatal(err)
	}
	for outlet, offset := range map[string]int64{"dead_letter": 7, "stale": 8, "my%2Fown": 9} {
		texts := lines(t, dir, outlet)
		if len(texts) != 1 {
			t.Fatalf("%s: got %d lines, want 1", outlet, len(texts))
		}
		e, err := capture.Parse(texts[0])
		if err != nil {
			t.Fatal(err)
		}
		if e.Offset != offset || string(e.Key) != "k\xff" || !e.Time.Equal(time.UnixMilli(5)) || len(e.Headers) != 1 || outlet == "dead_letter" && string(e.Value) != "{\x00\xfe" {
			t.Errorf("%s: got %+v", outlet, e)
		}
	}
	var got struct {
		Rejected map[string]any `json:"rejected"`
	}
	if err := json.Unmarshal(lines(t, dir, "dead_letter")[0], &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"outlet": "dead_letter", "step": "decode", "code": "CDC-1001", "detail": "at byte 7", "attempts": 3.0, "last_failed_at": "1970-01-01T00:00:02Z",
	} {
		if got.Rejected[key] != want {
			t.Errorf("rejected.%s: got %v, want %v", key, got.Rejected[key], want)
		}
	}
}

// What a crash leaves of the last line is removed, wherever it broke off.
func TestTornLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, file.Config{Directory: dir})
	if err := l.Write(t.Context(), records(reject(pipeline.DeadLetter, 1, []byte("a")), reject(pipeline.DeadLetter, 2, []byte(strings.Repeat("b", 100_000))))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "dead_letter.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n') + 1
	for _, n := range []int{0, 1, first - 2, first - 1, first, first + 1, first + 50_000, len(text) - 2, len(text) - 1, len(text)} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "dead_letter.jsonl")
			if err := os.WriteFile(path, text[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			l := open(t, file.Config{Directory: dir})
			want := 0 // lines that were whole but for their end are kept
			if n >= first-1 {
				want++
			}
			if n >= len(text)-1 {
				want++
			}
			if got := len(lines(t, dir, "dead_letter")); got != want {
				t.Errorf("opened: got %d lines, want %d", got, want)
			}
			if err := l.Write(t.Context(), records(reject(pipeline.DeadLetter, 3, []byte("c")))); err != nil {
				t.Fatal(err)
			}
			got := lines(t, dir, "dead_letter")
			if len(got) != want+1 {
				t.Errorf("written: got %d lines, want %d", len(got), want+1)
			}
			for _, text := range got {
				if _, err := capture.Parse(text); err != nil {
					t.Errorf("%.80s: %v", text, err)
				}
			}
		})
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for life := range 2 {
		l := open(t, file.Config{Directory: dir, MaxBytes: 2000})
		for i := range 10 {
			if err := l.Write(t.Context(), records(reject(pipeline.Invalid, 10*life+i, bytes.Repeat([]byte("x"), 500)))); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := lines(t, dir, "invalid")
	for i, text := range got {
		if e, err := capture.Parse(text); err != nil || e.Offset != int64(i) {
			t.Errorf("line %d: got %+v (%v)", i, e, err)
		}
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "invalid*"))
	if len(got) != 20 || len(paths) < 5 {
		t.Errorf("got %d lines in %v, want 20 in several files", len(got), paths)
	}
	for _, p := range paths {
		if st, err := os.Stat(p); err != nil || st.Size() > 2000 {
			t.Errorf("%s: %v, want at most 2000 bytes", p, st.Size())
		}
	}
}

// Two outlets may share a directory, two writers of one outlet may not.
func TestOneWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := open(t, file.Config{Directory: dir}), open(t, file.Config{Directory: dir})
	if err := first.Write(t.Context(), records(reject(pipeline.DeadLetter, 1, nil))); err != nil {
		t.Fatal(err)
	}
	if err := second.Write(t.Context(), records(reject(pipeline.Stale, 1, nil))); err != nil {
		t.Fatal(err)
	}
	if err := second.Write(t.Context(), records(reject(pipeline.DeadLetter, 2, nil))); !fault.Is(err, fault.OutletDown) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v, want %s", err, fault.OutletDown)
	}
	open(t, file.Config{Directory: dir})
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Write(t.Context(), records(reject(pipeline.DeadLetter, 2, nil))); err != nil {
		t.Errorf("after the other has closed: %v", err)
	}
}

func TestUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := file.NewLetters(file.Config{Directory: filepath.Join(dir, "file")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); !fault.Is(err, fault.OutletDown) {
		t.Errorf("got %v, want %s", err, fault.OutletDown)
	}
	if _, err := file.NewLetters(file.Config{MaxBytes: 1}, nil); err == nil || !strings.Contains(err.Error(), "directory") || !strings.Contains(err.Error(), "max_bytes") {
		t.Errorf("got %v, want errors about directory and max_bytes", err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	var values []pipeline.Reject
	for i := range 40 {
		values = append(values, reject([]pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale}[i%3], i, fmt.Append(nil, i)))
	}
	pipelinetest.SinkSuite[pipeline.Reject]{
		New: func(t testing.TB) (func() pipeline.Sink[pipeline.Reject], func() any) {
			dir := t.TempDir()
			return func() pipeline.Sink[pipeline.Reject] {
					l, err := file.NewLetters(file.Config{Directory: dir, MaxBytes: 4000}, slog.New(slog.DiscardHandler))
					if err != nil {
						t.Fatal(err)
					}
					return l
				}, func() any {
					kept := map[string]bool{}
					for _, text := range lines(t, dir, "") {
						kept[string(text)] = true
					}
					return kept
				}
		},
		Values: func() []pipeline.Reject { return slices.Clone(values) },
	}.Run(t)
}
