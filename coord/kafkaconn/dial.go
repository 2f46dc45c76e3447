package kafkaconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline/fault"
)

// Dial returns a client once a broker has answered it. Its error says what to do:
// [fault.BrokerDown] if none has answered within ConnectTimeout, and at once
// [fault.BrokerTLS] or [fault.SourceDenied] if waiting would not help. The options
// come after those of c.
func Dial(ctx context.Context, c Config, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	c = c.withDefaults()
	base, err := c.Options(log)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(base, opts...)...)
	if err != nil {
		return nil, fault.Wrap(fault.ConfigValue, fmt.Errorf("set up the Kafka client: %w", err))
	}
	if err := c.ping(ctx, cl); err != nil {
		cl.CloseAllowingRebalance()
		return nil, err
	}
	return cl, nil
}

func (c Config) ping(ctx context.Context, cl *kgo.Client) error {
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
	var alert tls.AlertError
	var header tls.RecordHeaderError
	var eof *kgo.ErrFirstReadEOF // one side speaks TLS or SASL and the other does not, or the broker is starting
	switch {
	case Denied(err):
		return fault.SourceDenied, true
	case errors.As(err, &cert), errors.As(err, &alert), errors.As(err, &header):
		return fault.BrokerTLS, true
	case errors.As(err, &eof):
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
