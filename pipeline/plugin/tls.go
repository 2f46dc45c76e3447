package plugin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS says how a connection is encrypted. It is on if Enabled or any other field is
// set. Certificates and keys are paths of PEM files, or PEM itself, as a reference to
// a secret yields it.
type TLS struct {
	Enabled    bool   `yaml:"enabled" json:"enabled,omitempty" jsonschema:"default=false,description=Speak TLS; implied by any other key here"`
	CA         string `yaml:"ca" json:"ca,omitempty" jsonschema:"description=Certificates that sign the servers' (path or PEM); the system's if empty"`
	Cert       string `yaml:"cert" json:"cert,omitempty" jsonschema:"description=Client certificate (path or PEM)"`
	Key        Secret `yaml:"key" json:"key,omitempty" jsonschema:"description=Key of the client certificate (path or PEM)"`
	ServerName string `yaml:"server_name" json:"server_name,omitempty" jsonschema:"description=Name that the servers' certificates must bear; the host of the address if empty"`
	SkipVerify bool   `yaml:"skip_verify" json:"skip_verify,omitempty" jsonschema:"default=false,description=Accept any certificate; for tests only"`
}

// Validate reports what is wrong with t.
func (t TLS) Validate() error {
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("tls.cert: is of use only together with key")
	}
	return nil
}

// Under returns t with the paths in it as place gives them, for files named in
// another file: see [Env.Path].
func (t TLS) Under(place func(string) string) TLS {
	under := func(v string) string {
		if v == "" || isPEM(v) {
			return v
		}
		return place(v)
	}
	t.CA, t.Cert, t.Key = under(t.CA), under(t.Cert), Secret(under(string(t.Key)))
	return t
}

func isPEM(v string) bool { return strings.Contains(v, "-----BEGIN ") }

// Config returns t as crypto/tls has it, nil if it is off. It reads the files that t
// names.
func (t TLS) Config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify}
	if t.CA != "" {
		pem, err := material("tls.ca", t.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("tls.ca: holds no certificate in PEM")
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
			return nil, fmt.Errorf("tls.cert and tls.key: %w", err)
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
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return pem, nil
}
