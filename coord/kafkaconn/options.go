package kafkaconn

import (
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"cdcpipe/pipeline/fault"
)

// Options returns what every client of the cluster needs. It reads the files that
// c names.
func (c Config) Options(log *slog.Logger) ([]kgo.Opt, error) {
	c = c.withDefaults()
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.WithLogger(&logger{log: log}),
		kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(250 * time.Millisecond), // recovery from a moved leader waits for it; the default is 5s
		kgo.DialTimeout(5 * time.Second),
	}
	conf, err := c.TLS.Config()
	if err != nil {
		return nil, fault.Wrap(fault.BrokerTLS, err)
	}
	if conf != nil {
		opts = append(opts, kgo.DialTLSConfig(conf))
	}
	user, password := c.SASL.Username, string(c.SASL.Password)
	switch c.SASL.Mechanism {
	case plainMechanism:
		opts = append(opts, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case scram256:
		opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	case scram512:
		opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	}
	return opts, nil
}
