//go:build e2e

package cassandra_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/realstack"
	"cdcpipe/cmd/cdcpipe/realstack/containers"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/sources/cassandra"
)

// An authority signs certificates.
type authority struct {
	testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  string
	next int64
}

func newAuthority(t testing.TB) *authority {
	a := &authority{TB: t}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.PEM, a.key = a.sign(template)
	block, _ := pem.Decode([]byte(a.PEM))
	var err error
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign returns a certificate in PEM and its key. The first that it signs is its own.
func (a *authority) sign(template *x509.Certificate) (string, *ecdsa.PrivateKey) {
	a.Helper()
	a.next++
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(a.next), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), key
}

// issue returns a certificate for 127.0.0.1 and its key, both in PEM.
func (a *authority) issue(name string) (cert, key string) {
	a.Helper()
	cert, k := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.Fatal(err)
	}
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// A Cassandra that wants a password, rights and certificates of both sides is read
// with them, and refuses with a code without.
func TestAccess(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("server")
	shared := realstack.Shared{Config: realstack.Config{
		Parts: []realstack.Part{realstack.Cassandra}, Runner: containers.FromEnv(),
		Options: map[string]any{
			"authenticator": "PasswordAuthenticator", "authorizer": "CassandraAuthorizer",
			"client_encryption_options": map[string]any{
				"enabled": true, "optional": true, "require_client_auth": true, // the launcher comes without
				"ssl_context_factory": map[string]any{
					"class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
					"parameters": map[string]any{"private_key": key + cert, "trusted_certificates": ca.PEM},
				},
			},
		},
	}}
	t.Cleanup(func() {
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := shared.Stack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Session()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	for _, stmt := range []string{
		"CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
		"CREATE TABLE shop.t (id int PRIMARY KEY, v text)",
		"CREATE TABLE shop.hidden (id int PRIMARY KEY, v text)",
		"INSERT INTO shop.t (id, v) VALUES (1, 'seen') USING TIMESTAMP 5",
		"CREATE ROLE reader WITH PASSWORD = 'it''s right' AND LOGIN = true",
		"GRANT SELECT ON shop.t TO reader",
	} {
		if err := session.Query(stmt).Exec(); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
	host, port, err := net.SplitHostPort(s.CassandraAddr())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	clientCert, clientKey := ca.issue("client")
	right := plugin.TLS{CA: ca.PEM, Cert: clientCert, Key: plugin.Secret(clientKey)}
	read := func(tls plugin.TLS, user, password, table string) (string, error) {
		cfg := cassandra.Config{Hosts: []string{host}, Port: number, Username: user, Password: password, Timeout: 5 * time.Second}
		if cfg.TLS, err = tls.Config(); err != nil {
			t.Fatal(err)
		}
		schema, err := cassandra.NewSchema(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer schema.Close()
		definition, err := schema.LoadTable(t.Context(), "shop", table)
		if err != nil {
			return "", err
		}
		reader, err := cassandra.NewReader(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		rows, err := reader.ReadRows(t.Context(), definition, ints(1), [][]cdc.Value{nil})
		if err != nil {
			return "", err
		}
		return strings.Join(showAll(definition, rows), " "), nil
	}
	if got, err := read(right, "reader", "it's right", "t"); err != nil || got != "[00000001] v=7365656e@5" {
		t.Errorf("got %q, %v", got, err)
	}
	other := newAuthority(t)
	strangeCert, strangeKey := other.issue("client")
	for _, tt := range []struct {
		name                  string
		tls                   plugin.TLS
		user, password, table string
		code                  fault.Code
		says                  string
	}{
		{"wrong password", right, "reader", "wrong", "t", fault.CassandraDenied, "incorrect"},
		{"no password", right, "reader", "", "t", fault.CassandraDenied, ""},
		{"no user", right, "", "", "t", fault.CassandraDenied, "none is configured"},
		{"no right to the table", right, "reader", "it's right", "hidden", fault.CassandraDenied, "hidden"},
		{"a server nobody vouches for", plugin.TLS{CA: other.PEM, Cert: clientCert, Key: plugin.Secret(clientKey)}, "reader", "it's right", "t", fault.CassandraDown, "certificate"},
		{"another name", plugin.TLS{CA: ca.PEM, Cert: clientCert, Key: plugin.Secret(clientKey), ServerName: "elsewhere"}, "reader", "it's right", "t", fault.CassandraDown, "elsewhere"},
		{"no certificate of ours", plugin.TLS{CA: ca.PEM}, "reader", "it's right", "t", fault.CassandraDown, ""}, // the driver may say no more than that it waited
		{"a certificate of a stranger", plugin.TLS{CA: ca.PEM, Cert: strangeCert, Key: plugin.Secret(strangeKey)}, "reader", "it's right", "t", fault.CassandraDown, ""},
	} {
		got, err := read(tt.tls, tt.user, tt.password, tt.table)
		if code := fault.CodeOf(err); code != tt.code || err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %q, %v %v, want %s with %q", tt.name, got, code, err, tt.code, tt.says)
		}
	}
}
