package postgres_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
)

// documentedRights returns the statements of docs/reference/postgres.md that give
// rights: to begin with, for schemas made beforehand, and for readers. Names of
// roles and of the database get the suffix.
func documentedRights(t *testing.T, suffix string) (begin, schemas, readers []string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/reference/postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "\n## Rights\n")
	text, _, _ = strings.Cut(text, "\n## ")
	text = regexp.MustCompile(`\b(ROLE|TO|FROM) cdcpipe\b`).ReplaceAllString(text, "$1 cdcpipe_"+suffix)
	text = strings.NewReplacer(" analyst", " analyst_"+suffix, " replica", " replica_"+suffix).Replace(text)
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) != 3 {
		t.Fatalf("got %d blocks of SQL, want 3", len(blocks))
	}
	statements := func(block string) (list []string) {
		for s := range strings.SplitSeq(block, ";") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
		return list
	}
	return statements(blocks[0][1]), statements(blocks[1][1]), statements(blocks[2][1])
}

// The rights that the documentation lists are enough, for the sink, for letters
// and for a reader of the views, and a reader gets no more.
func TestRightsDoc(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"database", "schemas"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			begin, schemas, readers := documentedRights(t, way)
			keeper, analyst, db := "cdcpipe_"+way, "analyst_"+way, "replica_"+way
			cfg, err := pgx.ParseConfig(server.DSN())
			if err != nil {
				t.Fatal(err)
			}
			as := func(user, password, db string) string {
				return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", user, password, cfg.Port, db)
			}
			admin, sink, reader := as(cfg.User, cfg.Password, db), as(keeper, "secret", db), as(analyst, "secret", db)
			exec(t, server.DSN(), begin...)
			exec(t, server.DSN(), "ALTER ROLE "+keeper+" PASSWORD 'secret'", "ALTER ROLE "+analyst+" PASSWORD 'secret'")
			if way == "schemas" {
				exec(t, server.DSN(), "REVOKE CREATE ON DATABASE "+db+" FROM "+keeper)
				exec(t, admin, schemas...)
			}
			first := table(t, `CREATE TABLE shop.orders (id int PRIMARY KEY, b text)`)
			s, err := postgres.New(postgres.Config{DSN: sink}, "test", []*cdc.Table{first}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := s.Check(t.Context()); err != nil {
				t.Errorf("doctor misses a right: %s, %v", found, err)
			}
			other, err := postgres.New(postgres.Config{DSN: sink}, "test", []*cdc.Table{first, table(t, `CREATE TABLE other.t (id int PRIMARY KEY)`)}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := other.Check(t.Context()); (err == nil) != (way == "database") {
				t.Errorf("of another keyspace doctor says %s, %v", found, err)
			}
			if found, err := other.Check(t.Context()); err != nil && !strings.Contains(err.Error(), `"other", "other__cdc"`) {
				t.Errorf("of another keyspace doctor says %s, %v", found, err)
			}
			s = open(t, postgres.Config{DSN: sink}, first)
			if err := write(s, first, 1, "b", cdc.Value("one")); err != nil {
				t.Fatal(err)
			}
			letters, err := postgres.NewLetters(postgres.LettersConfig{DSN: sink}, "test", quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer letters.Close(context.Background())
			if err := letters.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			exec(t, admin, readers[0])
			exec(t, sink, readers[1:]...)
			wider := table(t, `CREATE TABLE shop.orders (id int PRIMARY KEY, a int, b text)`)
			if err := write(s, wider, 2, "a", cdc.AppendInt32(nil, 7)); err != nil {
				t.Fatal(err)
			}
			open(t, postgres.Config{DSN: sink}, table(t, `CREATE TABLE shop.users (id int, c int, PRIMARY KEY (id, c))`))
			if got := strings.Join(lines(t, reader, "SELECT * FROM shop.orders ORDER BY id"), " "); got != "1|one|∅ 2|∅|7" {
				t.Errorf("got %s", got)
			}
			lines(t, reader, "SELECT * FROM shop.users")
			c, err := pgx.Connect(t.Context(), reader)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			for _, rel := range []string{"shop__cdc.orders__base", "cdcpipe._cdc_offsets", "cdcpipe.dlq_archive"} {
				if _, err := c.Exec(t.Context(), "SELECT FROM "+rel); err == nil || !strings.Contains(err.Error(), "permission denied") {
					t.Errorf("a reader of %s: got %v", rel, err)
				}
			}
		})
	}
}
