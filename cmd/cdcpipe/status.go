package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"cdcpipe/coord"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
)

// A status is what a worker says of its pipeline: GET /v1/status, and cdcpipe status.
type status struct {
	Pipeline   string            `json:"pipeline"`
	Version    string            `json:"version"`
	State      string            `json:"state"` // running, or why it is not ready
	InFlight   int64             `json:"in_flight"`
	Steps      []stepStatus      `json:"steps"`
	Partitions []partitionStatus `json:"partitions"`

	// Workers are those that Redis knows of, if the file names one.
	Workers []coord.Report `json:"workers,omitempty"`
}

type stepStatus struct {
	Name     string                    `json:"name"`
	Kind     pipeline.Kind             `json:"kind"`
	In       int64                     `json:"in"`
	Out      int64                     `json:"out"`
	Dropped  map[string]int64          `json:"dropped,omitempty"`
	Diverted map[pipeline.Outlet]int64 `json:"diverted,omitempty"`
	Retries  int64                     `json:"retries"`
	Breaker  pipeline.BreakerState     `json:"breaker,omitempty"`
}

type partitionStatus struct {
	Partition pipeline.Partition `json:"partition"`
	Committed int64              `json:"committed"` // offset
	Lag       *int64             `json:"lag_records,omitempty"`
	Behind    *float64           `json:"lag_seconds,omitempty"`
}

func newStatus(s pipeline.Stats, draining bool, now time.Time) status {
	st := status{Pipeline: s.Pipeline, Version: thisVersion().Version, State: "running", InFlight: s.InFlight,
		Steps: []stepStatus{}, Partitions: []partitionStatus{}}
	if err := ready(s, draining); err != nil {
		st.State = err.Error()
	}
	for _, p := range s.Steps {
		st.Steps = append(st.Steps, stepStatus{p.Name, p.Kind, p.In, p.Out, p.Dropped, p.Diverted, p.Retries, p.Breaker})
	}
	for _, p := range s.Partitions {
		x := partitionStatus{Partition: p.Partition, Committed: p.Committed.Offset}
		if p.Committed == (pipeline.Mark{}) {
			x.Committed = -1
		}
		if records, age, known := p.Lag(now); known {
			seconds := age.Seconds()
			x.Lag, x.Behind = &records, &seconds
		}
		st.Partitions = append(st.Partitions, x)
	}
	return st
}

// serveStatus answers GET /v1/status.
func serveStatus(stats func() pipeline.Stats, draining func() bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, "application/json", newStatus(stats(), draining(), time.Now()))
	}
}

func statusCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "tell how a running pipeline is",
		Description: "It asks the worker at the file's admin.listen, or at --admin; and Redis, if the file names one, for the other workers.",
		Flags:       []cli.Flag{fileFlag(), setFlag(), adminFlag(), output()},
		Action: func(ctx *cli.Context) error {
			s, err := load(ctx, false)
			if err != nil {
				return err
			}
			st, err := askStatus(ctx.Context, s, ctx.String("admin"))
			if st.Pipeline == "" { // the worker has not answered
				return err
			}
			if ctx.String("output") == "json" {
				return errors.Join(c.json(st), err)
			}
			st.print(c.out)
			return err
		},
	}
}

func adminFlag() *cli.StringFlag {
	return &cli.StringFlag{Name: "admin", Usage: "`ADDRESS` of the worker; the file's admin.listen if not given"}
}

// statusTimeout bounds asking.
const statusTimeout = 10 * time.Second

// askStatus returns what the worker says, and the others in Redis; an error with a
// status is of Redis.
func askStatus(ctx context.Context, s *spec.Spec, addr string) (st status, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	if addr == "" {
		addr = s.Config.Admin.Listen
	}
	if addr == "" {
		return st, usage("status: the file has no admin.listen; --admin names a worker")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v1/status", nil)
	if err != nil {
		return st, usage("admin: %w", err)
	}
	if t := string(s.Config.Admin.Token); t != "" {
		req.Header.Set("Authorization", "Bearer "+t)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, fault.New(fault.WorkerUnreached, "ask the worker at %s: %w", addr, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read from
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return st, fault.New(fault.WorkerUnreached, "the worker at %s answers %s: %s", addr, resp.Status, strings.TrimSpace(string(body)))
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&st); err != nil {
		return st, fault.New(fault.WorkerUnreached, "what answers at %s is no worker: %w", addr, err)
	}
	if s.Config.Redis == nil {
		return st, nil
	}
	client, err := connectRedis(ctx, s.Config.Redis)
	if err != nil {
		return st, err
	}
	defer client.Close()
	st.Workers, err = coord.Workers(ctx, client, s.Config.Name)
	return st, err
}

func (s *status) print(out io.Writer) {
	fmt.Fprintf(out, "%s: %s, %d records in flight\n\n", s.Pipeline, s.State, s.InFlight)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tIN\tOUT\tLEFT\tRETRIES\tBREAKER")
	for _, p := range s.Steps {
		var left int64
		for _, n := range p.Dropped {
			left += n
		}
		for _, n := range p.Diverted {
			left += n
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\n", p.Name, p.In, p.Out, left, p.Retries, p.Breaker)
	}
	fmt.Fprintln(t, "\nPARTITION\tCOMMITTED\tLAG\tBEHIND\t\t")
	for _, p := range s.Partitions {
		lag, behind := "?", "?"
		if p.Lag != nil {
			lag, behind = strconv.FormatInt(*p.Lag, 10), time.Duration(*p.Behind*float64(time.Second)).Round(time.Millisecond).String()
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t\t\n", p.Partition, p.Committed, lag, behind)
	}
	if len(s.Workers) > 0 {
		fmt.Fprintln(t, "\nWORKER\tPARTITIONS\tIN FLIGHT\tSEEN\t\t")
		slices.SortFunc(s.Workers, func(a, b coord.Report) int { return strings.Compare(a.Worker, b.Worker) })
		for _, w := range s.Workers {
			fmt.Fprintf(t, "%s\t%d\t%d\t%s ago\t\t\n", w.Worker, len(w.Partitions), w.InFlight, time.Since(w.Seen).Round(time.Second))
		}
	}
	_ = t.Flush() // to standard output
}
