package kafkaconn

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
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
		kgo.WithLogger(logger{log}),
		kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(250 * time.Millisecond), // recovery from a moved leader waits for it; the default is 5s
		kgo.DialTimeout(5 * time.Second),
	}
	if c.TLS != (TLS{}) {
		conf, err := c.TLS.config()
		if err != nil {
			return nil, err
		}
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

func (t TLS) config() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify}
	if t.CA != "" {
		pem, err := material("tls.ca", t.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.BrokerTLS, "tls.ca: holds no certificate in PEM")
		}
	}
	if t.Cert != "" {
		cert, err := material("tls.cert", t.Cert)
		if err != nil {
			return nil, err
		}
		key, err := material("tls.key", string(t.Key))
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fault.Wrap(fault.BrokerTLS, fmt.Errorf("tls.cert and tls.key: %w", err))
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// material returns the PEM that v is or names.
func material(name, v string) ([]byte, error) {
	if isPEM(v) {
		return []byte(v), nil
	}
	pem, err := os.ReadFile(v)
	if err != nil {
		return nil, fault.Wrap(fault.BrokerTLS, fmt.Errorf("%s: %w", name, err))
	}
	return pem, nil
}
