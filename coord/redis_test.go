package coord_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"cdcpipe/coord"
	"cdcpipe/pipeline/fault"
)

// Connect signs in, over TLS, to the database that is named; what it cannot do it
// says without the password.
func TestConnect(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer web.Close()
	redis, err := miniredis.RunTLS(&tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	redis.RequireUserAuth("cdcpipe", "hidden-word")
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	cfg := coord.RedisConfig{
		Addresses: []string{redis.Addr()}, Username: "cdcpipe", Password: "hidden-word", Database: 3,
		TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	client, err := coord.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Do(t.Context(), client.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if v, err := redis.DB(3).Get("k"); err != nil || v != "v" {
		t.Errorf("database 3 has %q, %v", v, err)
	}
	for name, change := range map[string]func(*coord.RedisConfig){
		"password":    func(c *coord.RedisConfig) { c.Password = "another-hidden-word" },
		"certificate": func(c *coord.RedisConfig) { c.TLS = &tls.Config{MinVersion: tls.VersionTLS12} },
		"nobody":      func(c *coord.RedisConfig) { c.Addresses = []string{"127.0.0.1:1"} },
	} {
		wrong := cfg
		change(&wrong)
		_, err := coord.Connect(t.Context(), wrong)
		want := fault.RedisDown
		if name == "password" {
			want = fault.RedisDenied
		}
		if !fault.Is(err, want) || strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
