package dlq

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cdcpipe/coord/capture"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// WriteLines writes letters as lines of JSON in the form of package capture, which the
// source file reads: the event, and in the field rejected why it left.
func WriteLines(w io.Writer, ls []*Letter) error {
	for _, l := range ls {
		line, err := capture.Append(nil, &l.Event, exported{
			l.ID, l.Outlet, l.Pipeline, l.State, l.TableName(), l.Step, l.Code, l.Title, l.Detail, l.Fix, l.Failures, l.Record, l.Received.UTC(),
		})
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// WriteCSV writes letters as rows of a table (RFC 4180), below [CSVHeader] if headed.
func WriteCSV(w io.Writer, ls []*Letter, headed bool) error {
	c := csv.NewWriter(w)
	if headed {
		if err := c.Write(CSVHeader()); err != nil {
			return err
		}
	}
	for _, l := range ls {
		if err := c.Write(l.CSV()); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// An Exporter writes letters to files of a directory: NAME.jsonl and NAME.csv, each
// whole or not there. Which letters are in a file is decided in PostgreSQL before it
// is written, so whoever is killed meanwhile writes the very same file again, and no
// letter stands in two.
type Exporter struct {
	Store *Store
	Dir   string
}

// Write exports letters that are open, which then wait for people: they are never due
// again. Those that were exported before stay in the file that they are in.
func (x *Exporter) Write(ctx context.Context, recs []pipeline.Record[*Letter]) error {
	byOutlet := map[pipeline.Outlet][]int64{}
	for _, r := range recs {
		byOutlet[r.Value.Outlet] = append(byOutlet[r.Value.Outlet], r.Value.ID)
	}
	for o, ids := range byOutlet {
		names, err := x.Store.assign(ctx, o, ids)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := x.file(ctx, o, name); err != nil {
				return err
			}
			if err := x.Store.exported(ctx, o, name); err != nil {
				return err
			}
		}
		never := map[int64]time.Time{} // those that were exported before
		for _, id := range ids {
			never[id] = time.Time{}
		}
		if err := x.Store.Postpone(ctx, o, never); err != nil {
			return err
		}
	}
	return nil
}

// Outlets returns none.
func (*Exporter) Outlets() []pipeline.Outlet { return nil }

// abandoned is how long a file has not been written to that nobody will finish.
const abandoned = 10 * time.Minute

// Open makes the directory, and removes what crashes left there of files that were not
// finished.
func (x *Exporter) Open(context.Context) error {
	if err := os.MkdirAll(x.Dir, 0o755); err != nil {
		return fault.Wrap(fault.OutletDown, err)
	}
	left, err := filepath.Glob(filepath.Join(x.Dir, ".*"+unfinished))
	for _, f := range left {
		if info, statErr := os.Stat(f); statErr == nil && time.Since(info.ModTime()) > abandoned {
			err = errors.Join(err, os.Remove(f))
		}
	}
	return fault.Wrap(fault.OutletDown, err)
}

const unfinished = ".unfinished"

// file writes both files of a name.
func (x *Exporter) file(ctx context.Context, o pipeline.Outlet, name string) error {
	lines, err := create(x.Dir, name+".jsonl")
	if err != nil {
		return fault.Wrap(fault.OutletDown, err)
	}
	defer lines.abandon()
	table, err := create(x.Dir, name+".csv")
	if err != nil {
		return fault.Wrap(fault.OutletDown, err)
	}
	defer table.abandon()
	headed := true
	err = x.Store.in(ctx, o, name, func(ls []*Letter) error {
		err := errors.Join(WriteLines(lines, ls), WriteCSV(table, ls, headed))
		headed = false
		return fault.Wrap(fault.OutletDown, err)
	})
	if err != nil {
		return err
	}
	return fault.Wrap(fault.OutletDown, errors.Join(lines.finish(), table.finish()))
}

// A whole file appears under its name when it is finished, and not before.
type whole struct {
	*bufio.Writer
	f    *os.File
	path string
}

func create(dir, name string) (*whole, error) {
	f, err := os.CreateTemp(dir, "."+name+".*"+unfinished)
	if err != nil {
		return nil, err
	}
	return &whole{bufio.NewWriter(f), f, filepath.Join(dir, name)}, nil
}

// finish makes the file durable, and gives it its name.
func (w *whole) finish() error {
	err := errors.Join(w.Flush(), w.f.Chmod(0o640), w.f.Sync(), w.f.Close())
	if err == nil {
		err = os.Rename(w.f.Name(), w.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	dir, err := os.Open(filepath.Dir(w.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// abandon removes a file that was not finished.
func (w *whole) abandon() {
	_ = w.f.Close()           // it may be closed
	_ = os.Remove(w.f.Name()) // it may be renamed
}

// WriteFile writes a file as a whole: it appears under its name, in the place of
// another, when write has returned nil.
func WriteFile(path string, write func(io.Writer) error) error {
	w, err := create(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return err
	}
	defer w.abandon()
	if err := write(w); err != nil {
		return err
	}
	return w.finish()
}

// assign gives those of the letters a file that have none, and returns the names of
// the files that are to be written.
func (s *Store) assign(ctx context.Context, o pipeline.Outlet, ids []int64) (names []string, err error) {
	t := s.table(o)
	rows, err := s.pool.Query(ctx, `WITH named AS (
			UPDATE `+t+` SET exported_to = $2 || '-' || lpad((SELECT min(id) FROM `+t+` WHERE id = ANY($1) AND exported_to IS NULL)::text, 12, '0')
			WHERE id = ANY($1) AND exported_to IS NULL RETURNING exported_to
		)
		SELECT exported_to FROM named UNION SELECT exported_to FROM `+t+` WHERE id = ANY($1) AND exported_to IS NOT NULL AND exported_at IS NULL`, ids, fileName(o))
	if err != nil {
		return nil, failed("choose a file for letters", o, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, failed("choose a file for letters", o, err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return nil, failed("choose a file for letters", o, err)
	}
	return names, nil
}

// fileName returns what the name of a file begins with: the outlet, without what a
// name of a file cannot have.
func fileName(o pipeline.Outlet) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, string(o))
}

// in calls do with the letters of a file, in order of their ids.
func (s *Store) in(ctx context.Context, o pipeline.Outlet, name string, do func([]*Letter) error) error {
	for after := int64(0); ; {
		ls, err := s.letters(ctx, "read letters to export", o, "SELECT "+columns+" FROM "+s.table(o)+" AS l WHERE l.exported_to = $1 AND l.id > $2 ORDER BY l.id LIMIT 100", name, after)
		if err != nil || len(ls) == 0 {
			return err
		}
		if err := do(ls); err != nil {
			return err
		}
		after = ls[len(ls)-1].ID
	}
}

// exported notes that a file is whole.
func (s *Store) exported(ctx context.Context, o pipeline.Outlet, name string) error {
	_, err := s.pool.Exec(ctx, "UPDATE "+s.table(o)+" SET exported_at = now() WHERE exported_to = $1 AND exported_at IS NULL", name)
	if err != nil {
		return failed("mark letters as exported", o, err)
	}
	return nil
}
