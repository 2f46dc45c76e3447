package spec

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"cdcpipe/pipeline"
)

// A checker joins what is wrong with options.
type checker []error

func (c *checker) that(ok bool, format string, args ...any) {
	if !ok {
		*c = append(*c, fmt.Errorf(format, args...))
	}
}

func (c checker) err() error { return errors.Join(c...) }

// Validate reports what is wrong with s.
func (s Schema) Validate() error {
	var c checker
	c.that(slices.Contains([]string{"approximate", "refuse"}, s.Inexact), "inexact: expected approximate or refuse, found %q", s.Inexact)
	if s.Cassandra != nil {
		c.that(len(s.Cassandra.Hosts) > 0 && !slices.Contains(s.Cassandra.Hosts, ""), "cassandra.hosts: is required")
		c.that(s.Cassandra.Port > 0 && s.Cassandra.Port < 1<<16, "cassandra.port: expected 1 to 65535, found %d", s.Cassandra.Port)
		c.that(slices.Contains(consistencies, s.Cassandra.Consistency), "cassandra.consistency: expected %s, found %q", strings.Join(consistencies, ", "), s.Cassandra.Consistency)
		if err := s.Cassandra.TLS.Validate(); err != nil {
			c = append(c, fmt.Errorf("cassandra.%w", err))
		}
	}
	return c.err()
}

// Validate reports what is wrong with l.
func (l Limits) Validate() error {
	var c checker
	c.that(l.InFlight > 0, "in_flight: must be positive, found %d", l.InFlight)
	c.that(l.InFlightBytes > 0, "in_flight_bytes: must be positive, found %s", l.InFlightBytes)
	c.that(l.DrainTimeout > 0, "drain_timeout: must be positive, found %v", l.DrainTimeout)
	return c.err()
}

// Validate reports what is wrong with o.
func (o Commit) Validate() error {
	var c checker
	c.that(o.Every > 0, "every: must be positive, found %v", o.Every)
	c.that(o.Records > 0, "records: must be positive, found %d", o.Records)
	return c.err()
}

// Validate reports what is wrong with r.
func (r Retry) Validate() error {
	var c checker
	c.that(r.Attempts >= 0, "attempts: must not be negative, found %d; 0 tries for ever", r.Attempts)
	c.that(r.Alone > 0, "alone: must be positive, found %d", r.Alone)
	c.that(r.Min > 0, "min: must be positive, found %v", r.Min)
	c.that(r.Max >= r.Min, "max: must be at least min, which is %v, found %v", r.Min, r.Max)
	c.that(r.Factor >= 1 && r.Factor < 1e6, "factor: must be at least 1, found %v", r.Factor)
	c.that(r.Jitter >= 0 && r.Jitter < 1, "jitter: must be at least 0 and less than 1, found %v", r.Jitter)
	return c.err()
}

// policy returns r for the engine, which takes no jitter for its default.
func (r Retry) policy() pipeline.Retry {
	return pipeline.Retry{Attempts: r.Attempts, Alone: r.Alone, Min: r.Min, Max: r.Max, Factor: r.Factor, Jitter: max(r.Jitter, math.SmallestNonzeroFloat64)}
}

// Validate reports what is wrong with b.
func (b Breaker) Validate() error {
	var c checker
	c.that(b.Failures >= 0, "failures: must not be negative, found %d; 0 is for no breaker", b.Failures)
	c.that(b.Delay > 0, "delay: must be positive, found %v", b.Delay)
	return c.err()
}

func (b Breaker) policy() pipeline.Breaker {
	if b.Failures == 0 {
		b.Failures = -1
	}
	return pipeline.Breaker{Failures: b.Failures, Delay: b.Delay}
}

// Validate reports what is wrong with a.
func (a Admin) Validate() error {
	var c checker
	if a.Listen != "" {
		_, _, err := net.SplitHostPort(a.Listen)
		c.that(err == nil, "listen: expected host:port, found %q", a.Listen)
	}
	return c.err()
}

// Validate reports what is wrong with r.
func (r Redis) Validate() error {
	var c checker
	if len(r.Sentinels) == 0 {
		if _, _, err := net.SplitHostPort(r.Address); err != nil {
			c.that(r.Address != "", "address: is required, or sentinels with master_set")
			c.that(r.Address == "", "address: expected host:port without a scheme or password")
		}
		c.that(r.MasterSet == "" && r.SentinelUsername == "" && r.SentinelPassword == "", "sentinels: is required with master_set, sentinel_username and sentinel_password")
	} else {
		c.that(r.Address == "", "address: the sentinels name it; give one or the other")
		c.that(r.MasterSet != "", "master_set: is required with sentinels")
		for _, a := range r.Sentinels {
			_, _, err := net.SplitHostPort(a)
			c.that(err == nil, "sentinels: expected host:port without a scheme or password")
		}
	}
	c.that(r.Database >= 0, "database: must not be negative, found %d", r.Database)
	return errors.Join(c.err(), r.TLS.Validate())
}

// Validate reports what is wrong with y.
func (y Canary) Validate() error {
	var c checker
	c.that(y.Every >= time.Second, "every: must be at least 1s, found %v", y.Every)
	c.that(y.Silence >= 2*y.Every, "silence: must be at least twice every, which is %v, found %v", y.Every, y.Silence)
	return c.err()
}

// Validate reports what is wrong with t.
func (t Tracing) Validate() error {
	var c checker
	if t.Endpoint != "" {
		u, err := url.Parse(t.Endpoint)
		c.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "endpoint: expected http://host:port or https://host:port")
	}
	c.that(slices.Contains([]string{"", "http/protobuf", "grpc"}, t.Protocol), "protocol: expected http/protobuf or grpc, found %q", t.Protocol)
	c.that(t.Ratio == nil || *t.Ratio >= 0 && *t.Ratio <= 1, "ratio: must be from 0 to 1")
	return c.err()
}

// Validate reports what is wrong with l.
func (l Log) Validate() error {
	var c checker
	for _, o := range []struct {
		name, value string
		known       []string
	}{
		{"level", l.Level, []string{"debug", "info", "warn", "error"}},
		{"format", l.Format, []string{"json", "text"}},
	} {
		c.that(slices.Contains(o.known, o.value), "%s: expected %s, found %q", o.name, strings.Join(o.known, ", "), o.value)
	}
	return c.err()
}
