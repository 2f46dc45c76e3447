package file_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/sources/file"
)

// event is the line of an event.
func event(v string) string { return fmt.Sprintf(`{"topic":"t","key":"k","value":%q}`, v) }

// write writes lines to a file of dir.
func write(t testing.TB, dir, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	text := strings.Join(lines, "\n")
	if strings.HasSuffix(name, ".gz") {
		var b strings.Builder
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text = b.String()
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type run struct {
	values   []string // those that reached the sink
	partings []string // those that left by dead_letter, with why
	err      error
}

// replay runs a pipeline from files. The sink fails once it has so many values,
// unless that is negative.
func replay(t *testing.T, cfg file.Config, offsets pipeline.Offsets, until int) (r run) {
	t.Helper()
	src, err := file.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := pipeline.New("replay", pipeline.Config{Offsets: offsets, Logger: slog.New(slog.DiscardHandler)})
	f := pipeline.From(p, "file", src)
	judged := pipeline.Judged(f, "replay", file.Malformed).(*pipeline.Flow[*cdc.Event])
	pipeline.To(judged, "sink", pipeline.SinkFunc[*cdc.Event](func(_ context.Context, recs []pipeline.Record[*cdc.Event]) error {
		for _, rec := range recs {
			if until >= 0 && len(r.values) >= until {
				return pipeline.Fatal(errors.New("enough"))
			}
			r.values = append(r.values, string(rec.Value.Value))
		}
		return nil
	}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
		for _, rec := range recs {
			r.partings = append(r.partings, fmt.Sprintf("%s: %v", rec.Origin.(*cdc.Event).Value, rec.Value.Cause))
		}
		return nil
	}))
	r.err = p.Run(t.Context())
	return r
}

func TestReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.jsonl", event("a1"), "", "  ", event("a2"), "")
	write(t, dir, "b.jsonl", event("b1")) // without an end
	write(t, dir, "c.jsonl")
	write(t, dir, "d.jsonl.gz", event("d1"), event("d2"), "")
	write(t, dir, "other.txt", "x")
	r := replay(t, file.Config{Path: filepath.Join(dir, "*.jsonl*")}, nil, -1)
	if want := []string{"a1", "a2", "b1", "d1", "d2"}; !slices.Equal(r.values, want) || r.err != nil {
		t.Errorf("got %v (%v), want %v", r.values, r.err, want)
	}
}

// A replay that broke off goes on after the last line on record.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.jsonl", "a.jsonl.gz"} {
		var lines []string
		for i := range 10 {
			lines = append(lines, event(strconv.Itoa(i)))
		}
		cfg := file.Config{Path: write(t, t.TempDir(), name, lines...), BatchRecords: 2}
		offsets := &pipelinetest.Offsets{}
		first := replay(t, cfg, offsets, 5)
		if first.err == nil {
			t.Fatal("the first run did not break off")
		}
		done := offsets.Get(pipeline.Partition(cfg.Path)).Offset
		second := replay(t, cfg, offsets, -1)
		if second.err != nil || len(second.values) != 10-int(done) || second.values[0] != strconv.FormatInt(done, 10) {
			t.Errorf("%s: with %d lines on record got %v (%v)", name, done, second.values, second.err)
		}
		if got := offsets.Get(pipeline.Partition(cfg.Path)).Offset; got != 10 {
			t.Errorf("%s: line %d is on record, want 10", name, got)
		}
		if third := replay(t, cfg, offsets, -1); third.err != nil || len(third.values) != 0 {
			t.Errorf("%s: when all is done got %v (%v)", name, third.values, third.err)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "a.jsonl", event("1"), `{"op":"i"}`, event("3"), `{"topic":`, event("5"))
	r := replay(t, file.Config{Path: path}, nil, -1)
	if !fault.Is(r.err, fault.ReplayMalformed) || !strings.Contains(r.err.Error(), path+":2: no topic") {
		t.Errorf("got %v, want %s at %s:2", r.err, fault.ReplayMalformed, path)
	}
	r = replay(t, file.Config{Path: path, Malformed: "dead_letter"}, nil, -1)
	if want := []string{"1", "3", "5"}; r.err != nil || !slices.Equal(r.values, want) {
		t.Errorf("got %v (%v), want %v", r.values, r.err, want)
	}
	if want := []string{
		`{"op":"i"}: CDC-7007 ` + path + ":2: no topic",
		`{"topic":: CDC-7007 ` + path + ":4: unexpected end of JSON input",
	}; !slices.Equal(r.partings, want) {
		t.Errorf("got %q, want %q", r.partings, want)
	}
}

// What is wrong with a line does not keep those before it from being read.
func TestMalformedAfter(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "a.jsonl", event("1"), event("2"), "x")
	src, err := file.New(file.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Open(t.Context(), noPartitions{}); err != nil {
		t.Fatal(err)
	}
	defer src.Close(t.Context())
	if b, err := src.Read(t.Context()); err != nil || len(b.Records) != 2 || b.Through.Offset != 2 {
		t.Errorf("got %d records through %v (%v), want the two good ones", len(b.Records), b.Through, err)
	}
	for range 2 {
		if _, err := src.Read(t.Context()); !fault.Is(err, fault.ReplayMalformed) {
			t.Errorf("got %v, want %s", err, fault.ReplayMalformed)
		}
	}
}

type noPartitions struct{}

func (noPartitions) Assign(pipeline.Partition) pipeline.Claim { return pipeline.Claim{} }
func (noPartitions) Resume(context.Context, ...pipeline.Partition) ([]pipeline.Mark, error) {
	return nil, nil
}
func (noPartitions) Revoke(context.Context, ...pipeline.Partition) []pipeline.Mark { return nil }

func TestLongLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600_000) // more than a buffer
	path := write(t, t.TempDir(), "a.jsonl", event(long), event("2"), event(long+"y"), event("4"))
	r := replay(t, file.Config{Path: path}, nil, -1)
	if r.err != nil || !slices.Equal(r.values, []string{long, "2", long + "y", "4"}) {
		t.Errorf("got %d values (%v)", len(r.values), r.err)
	}
	for _, malformed := range []string{"fail", "dead_letter"} {
		r = replay(t, file.Config{Path: path, MaxLineBytes: plugin.Size(len(event(long)) + 1), Malformed: malformed}, nil, -1)
		if !fault.Is(r.err, fault.ReplayMalformed) || !strings.Contains(r.err.Error(), ":3: longer") {
			t.Errorf("got %v, want %s of line 3", r.err, fault.ReplayMalformed)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := write(t, dir, "broken.gz", event("1"), event("2"))
	text, err := os.ReadFile(broken)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, text[:len(text)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	shorter := write(t, dir, "shorter.jsonl", event("1"))
	offsets := &pipelinetest.Offsets{}
	if err := offsets.Save(t.Context(), []pipeline.Mark{{Partition: pipeline.Partition(shorter), Offset: 2}}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.jsonl"): "no such file",
		filepath.Join(dir, "*.none"):     "no such file",
		broken:                           "unexpected EOF",
		shorter:                          "has 1 lines, and 2 were read before",
		dir:                              "is a directory",
	} {
		r := replay(t, file.Config{Path: path}, offsets, -1)
		if !fault.Is(r.err, fault.ReplayFile) || !strings.Contains(r.err.Error(), want) {
			t.Errorf("%s: got %v, want %s: %s", path, r.err, fault.ReplayFile, want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]file.Config{
		"path: is required": {},
		"is not a pattern":  {Path: "[a"},
		"malformed":         {Path: "a", Malformed: "skip"},
		"max_line_bytes":    {Path: "a", MaxLineBytes: 1},
		"batch_records":     {Path: "a", BatchRecords: -1},
	} {
		if _, err := file.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// BenchmarkRead replays real events.
func BenchmarkRead(b *testing.B) {
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		src, err := file.New(file.Config{Path: "../../testdata/events/random.jsonl"})
		if err != nil {
			b.Fatal(err)
		}
		if err := src.Open(b.Context(), noPartitions{}); err != nil {
			b.Fatal(err)
		}
		for {
			batch, err := src.Read(b.Context())
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			n += len(batch.Records)
			b.SetBytes(int64(batch.Bytes))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}
