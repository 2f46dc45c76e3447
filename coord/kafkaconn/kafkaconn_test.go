package kafkaconn_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/coord/kafkaconn"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	cert, key := a.issue(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"}})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key, a.pem = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey), cert
	return a
}

// issue returns a certificate and its key in PEM; the first signs itself.
func (a *authority) issue(t *testing.T, c *x509.Certificate) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, k
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
}

func (a *authority) broker(t *testing.T) tls.Certificate {
	t.Helper()
	cert, key := a.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"kafka.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func cluster(t *testing.T, opts ...kfake.Opt) []string {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "t")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

// dial connects, and produces a record if it should succeed.
func dial(t *testing.T, c kafkaconn.Config, want fault.Code) {
	t.Helper()
	c.ConnectTimeout = 2 * time.Second
	var logged bytes.Buffer
	cl, err := kafkaconn.Dial(t.Context(), c, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if s := string(c.SASL.Password); s != "" && strings.Contains(logged.String(), s) {
		t.Error("the password is in the log")
	}
	if want != "" {
		if !fault.Is(err, want) {
			t.Errorf("got %v, want %s", err, want)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca.pem))
	server := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{ca.broker(t)}}))
	mutual := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{ca.broker(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}))
	cert, key := ca.issue(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(ca.pem), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		brokers []string
		tls     plugin.TLS
		want    fault.Code
	}{
		{"text", server, plugin.TLS{CA: ca.pem}, ""},
		{"file", server, plugin.TLS{CA: file}, ""},
		{"server name", server, plugin.TLS{CA: file, ServerName: "kafka.test"}, ""},
		{"wrong server name", server, plugin.TLS{CA: file, ServerName: "other.test"}, fault.BrokerTLS},
		{"unknown authority", server, plugin.TLS{CA: other.pem}, fault.BrokerTLS},
		{"system's authorities", server, plugin.TLS{Enabled: true}, fault.BrokerTLS},
		{"not verified", server, plugin.TLS{SkipVerify: true}, ""},
		{"none", server, plugin.TLS{}, fault.BrokerTLS},
		{"client certificate", mutual, plugin.TLS{CA: ca.pem, Cert: cert, Key: plugin.Secret(key)}, ""},
		{"no client certificate", mutual, plugin.TLS{CA: ca.pem}, fault.BrokerTLS},
		{"plain listener", cluster(t), plugin.TLS{CA: ca.pem}, fault.BrokerDown}, // the fake waits for more
		{"no such file", server, plugin.TLS{CA: file + "x"}, fault.BrokerTLS},
		{"no certificate", server, plugin.TLS{CA: key}, fault.BrokerTLS},
		{"wrong key", mutual, plugin.TLS{CA: ca.pem, Cert: ca.pem, Key: plugin.Secret(key)}, fault.BrokerTLS},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dial(t, kafkaconn.Config{Brokers: tc.brokers, TLS: tc.tls}, tc.want)
		})
	}
}

func TestSASL(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			brokers := cluster(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "u", "secret"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{ca.broker(t)}}))
			c := kafkaconn.Config{Brokers: brokers, TLS: plugin.TLS{CA: ca.pem}, SASL: kafkaconn.SASL{Mechanism: mechanism, Username: "u", Password: "secret"}}
			dial(t, c, "")
			c.SASL = kafkaconn.SASL{}
			dial(t, c, fault.BrokerTLS)
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ok := kafkaconn.Config{Brokers: []string{"k:9092", "[::1]:9092"}}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	for want, edit := range map[string]func(*kafkaconn.Config){
		"brokers: at least":                          func(c *kafkaconn.Config) { c.Brokers = nil },
		`brokers: ":9092"`:                           func(c *kafkaconn.Config) { c.Brokers = []string{":9092"} },
		"connect_timeout":                            func(c *kafkaconn.Config) { c.ConnectTimeout = -1 },
		"tls.cert: is of use only together with key": func(c *kafkaconn.Config) { c.TLS.Key = "k" },
		"sasl.mechanism: is":                         func(c *kafkaconn.Config) { c.SASL.Password = "secret" },
		`sasl.mechanism: "no"`:                       func(c *kafkaconn.Config) { c.SASL.Mechanism = "no" },
		"sasl: username":                             func(c *kafkaconn.Config) { c.SASL.Mechanism, c.SASL.Password = "plain", "secret" },
	} {
		c := ok
		edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in %v", err)
		}
	}
}

// Paths are relative to where the file that names them is; PEM is left alone.
func TestUnder(t *testing.T) {
	t.Parallel()
	got := plugin.TLS{CA: "ca.pem", Cert: "-----BEGIN CERTIFICATE-----"}.Under(func(v string) string { return "dir/" + v })
	if want := (plugin.TLS{CA: "dir/ca.pem", Cert: "-----BEGIN CERTIFICATE-----"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// An outage is told once, not with every attempt to connect.
func TestLogIsQuiet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := kafkaconn.Config{Brokers: []string{"127.0.0.1:1"}, ConnectTimeout: time.Second}
	if _, err := kafkaconn.Dial(t.Context(), c, slog.New(slog.NewTextHandler(&out, nil))); !fault.Is(err, fault.BrokerDown) {
		t.Fatalf("got %v", err)
	}
	if n := strings.Count(out.String(), "connection refused"); n != 1 {
		t.Errorf("told %d times:\n%s", n, out.String())
	}
}
