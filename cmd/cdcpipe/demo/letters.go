package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/generator"
)

// compareLetters checks that every malformed event is on its outlet, under its
// code, and nothing else is; stale events are only counted.
func (s *Summary) compareLetters(ctx context.Context, dsn string, g *generator.Generator) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("compare letters: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+letterTable(pipeline.Stale)).Scan(&s.Stale); err != nil {
		return fmt.Errorf("compare letters: %w", err)
	}
	found := map[uint64]string{} // outlet and code by index
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid} {
		n, err := readLetters(ctx, conn, o, found)
		if err != nil {
			return fmt.Errorf("compare letters: %w", err)
		}
		if o == pipeline.DeadLetter {
			s.DeadLetters = n
		} else {
			s.Invalid = n
		}
	}
	wrong := func(i uint64, format string, args ...any) {
		s.Mismatches++
		if len(s.Missing) < shownMismatches {
			s.Missing = append(s.Missing, fmt.Sprintf("event %d: ", i)+fmt.Sprintf(format, args...))
		}
	}
	for i := range s.Events {
		m := g.Broken(i)
		got, ok := found[i]
		delete(found, i)
		switch want := m.Outlet() + " " + string(m.Code()); {
		case m == 0 && ok:
			wrong(i, "is well-formed, and left by %s", got)
		case m != 0 && !ok:
			wrong(i, "%s, must leave by %s, and did not", m, want)
		case m != 0 && got != want:
			wrong(i, "%s, must leave by %s, and left by %s", m, want, got)
		}
	}
	for i, got := range found {
		wrong(i, "was never generated, and left by %s", got)
	}
	slices.Sort(s.Missing)
	return nil
}

func letterTable(o pipeline.Outlet) string {
	return pgx.Identifier{"cdcpipe", postgres.LetterTable(o)}.Sanitize()
}

// readLetters notes which generated events left by an outlet, and counts them.
func readLetters(ctx context.Context, conn *pgx.Conn, o pipeline.Outlet, found map[uint64]string) (n int, err error) {
	rows, err := conn.Query(ctx, "SELECT code, headers FROM "+letterTable(o))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var code string
		var raw []byte
		if err := rows.Scan(&code, &raw); err != nil {
			return 0, err
		}
		var headers [][]any
		if err := json.Unmarshal(raw, &headers); err != nil {
			return 0, err
		}
		n++
		for _, h := range headers {
			if len(h) != 2 || h[0] != generator.IndexHeader {
				continue
			}
			var value []byte // JSON has it in base64
			quoted, err := json.Marshal(h[1])
			if err == nil {
				err = json.Unmarshal(quoted, &value)
			}
			if err != nil {
				return 0, err
			}
			i, err := strconv.ParseUint(string(value), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("header %s: %w", generator.IndexHeader, err)
			}
			found[i] = string(o) + " " + code
		}
	}
	return n, rows.Err()
}
