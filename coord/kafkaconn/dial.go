package kafkaconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline/fault"
)

// New returns a client of the cluster. The options come after those of c. It dials
// nothing, but a client that is given topics to consume does so by itself.
func New(c Config, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	base, err := c.Options(log)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(base, opts...)...)
	if err != nil {
		return nil, fault.Wrap(fault.ConfigValue, fmt.Errorf("set up the Kafka client: %w", err))
	}
	return cl, nil
}

// Dial returns a client once a broker has answered it, as by [New] and [Ping].
func Dial(ctx context.Context, c Config, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	cl, err := New(c, log, opts...)
	if err != nil {
		return nil, err
	}
	if err := Ping(ctx, c, cl); err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// Ping returns once a broker has answered cl. Its error says what to do:
// [fault.BrokerDown] if none has answered within ConnectTimeout, and at once
// [fault.BrokerTLS] or [fault.SourceDenied] if waiting would not help.
func Ping(ctx context.Context, c Config, cl *kgo.Client) error {
	c = c.withDefaults()
	within, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	var last error
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := cl.Ping(within)
		if err == nil {
			return nil
		}
		code, hopeless := refusal(err)
		if hopeless {
			return fault.Wrap(code, fmt.Errorf("connect to %s: %w", c.names(), err))
		}
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-time.After(pause):
		case <-within.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			code, _ = refusal(last)
			return fault.Wrap(code, fmt.Errorf("connect to %s within %v: %w", c.names(), c.ConnectTimeout, last))
		}
	}
}

func (c Config) names() string { return strings.Join(c.Brokers, ", ") }

// refusal says what fault err is, and whether waiting is no cure for it.
func refusal(err error) (code fault.Code, hopeless bool) {
	var cert *tls.CertificateVerificationError
	var alert *net.OpError // the one whose operation is "remote error"
	var header tls.RecordHeaderError
	switch {
	case Denied(err):
		return fault.SourceDenied, true
	case errors.As(err, &cert), errors.As(err, &header), errors.As(err, &alert) && alert.Op == "remote error":
		return fault.BrokerTLS, true
	case errors.Is(err, io.EOF): // one side speaks TLS or SASL and the other does not, or the broker is starting
		return fault.BrokerTLS, false
	}
	return fault.BrokerDown, false
}

// Denied reports whether err says that credentials or rights are missing.
func Denied(err error) bool {
	for _, e := range []*kerr.Error{
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
