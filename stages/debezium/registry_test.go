package debezium_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

var intSchema = strings.NewReplacer("VALUE", `"int"`, "EXTRA", "").Replace(envelope)

// intEvent is an event of that schema.
func intEvent(id byte) *cdc.Event {
	return &cdc.Event{Value: []byte("\x00\x00\x00\x00" + string(rune(id)) + head + "\x08\x00\x01")}
}

// TestRegistry reads schemas from a registry over HTTP.
func TestRegistry(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	answers := map[string]string{
		"/schemas/ids/1": fmt.Sprintf(`{"schema":%q}`, intSchema),
		"/schemas/ids/2": `{"schema":"{}","schemaType":"JSON"}`,
		"/schemas/ids/3": `{"schema":"\"int\"","references":[{"name":"a","subject":"b","version":1}]}`,
		"/schemas/ids/4": `{"schema":"nonsense"}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if s, ok := answers[r.URL.Path]; ok {
			fmt.Fprint(w, s)
			return
		}
		status := http.StatusNotFound
		if r.URL.Path == "/schemas/ids/6" {
			status = http.StatusInternalServerError
		}
		w.WriteHeader(status)
		fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
	}))
	defer server.Close()
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v int)"), Registry: debezium.NewRegistry(client)})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := mustDecode(t, d, intEvent(1)); !strings.Contains(got, "v=4[5,0]") {
				t.Error(got)
			}
			for id := byte(2); id <= 5; id++ {
				_, err := decode(t, d, intEvent(id))
				wantFault(t, err, fault.AvroSchema)
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n != 5 {
		t.Errorf("asked %d times for 5 schemas", n)
	}
	for range 2 {
		_, err = decode(t, d, intEvent(6))
		if _, ok := errors.AsType[*debezium.UnavailableError](err); !ok {
			t.Errorf("got %v", err)
		}
	}
	server.Close()
	_, err = decode(t, d, intEvent(7))
	if _, ok := errors.AsType[*debezium.UnavailableError](err); !ok {
		t.Errorf("got %v", err)
	}
	mustDecode(t, d, intEvent(1)) // without the registry
}

// TestRegistryAgain asks again for a schema that was not there.
func TestRegistryAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := false
		d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v int)"), Registry: debezium.RegistryFunc(func(context.Context, int) (string, error) {
			if !there {
				return "", fault.New(fault.AvroSchema, "not there")
			}
			return intSchema, nil
		})})
		_, err := decode(t, d, intEvent(1))
		wantFault(t, err, fault.AvroSchema)
		there = true
		_, err = decode(t, d, intEvent(1))
		wantFault(t, err, fault.AvroSchema)
		time.Sleep(time.Second)
		mustDecode(t, d, intEvent(1))
	})
}

// bomb is a field with 2^40 parts that take no bytes.
func bomb() string {
	var b strings.Builder
	b.WriteString(`,{"name":"x0","type":{"type":"record","name":"X0","fields":[]}}`)
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&b, `,{"name":"x%d","type":{"type":"record","name":"X%d","fields":[{"name":"a","type":"X%d"},{"name":"b","type":"X%d"}]}}`, i, i, i-1, i-1)
	}
	return b.String()
}

// TestAvroSchemas refuses schemas that are not those of change events.
func TestAvroSchemas(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{
		"empty": ``, "no schema": `5`, "no record": `"int"`, "no event": `{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`,
		"no cells":        strings.Replace(intSchema, `{"name":"value","type":["null","int"]},`, ``, 1),
		"contains itself": strings.Replace(intSchema, `"string"}`, `{"type":"record","name":"r","fields":[{"name":"r","type":["null","r"]}]}}`, 1),
		"deep":            strings.Replace(intSchema, `"int"`, strings.Repeat(`{"type":"array","items":`, 100)+`"int"`+strings.Repeat("}", 100), 1),
		"very deep":       strings.Repeat(`[`, 1<<20),
		"op a number":     strings.Replace(intSchema, `"op","type":"string"`, `"op","type":"long"`, 1),
		"bomb":            strings.NewReplacer("VALUE", `"int"`, "EXTRA", bomb()).Replace(envelope),
	} {
		m := &memory{}
		d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v int)"), Registry: m})
		ev := intEvent(1)
		m.framed(schema, nil)
		if schema == "" {
			m.texts = []string{""}
		}
		_, err := decode(t, d, ev)
		if code := fault.CodeOf(err); code != fault.AvroSchema && (name != "bomb" || code != fault.MalformedAvro) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
