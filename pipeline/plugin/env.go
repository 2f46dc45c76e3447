package plugin

import (
	"log/slog"
	"path/filepath"

	"cdcpipe/pipeline/cdc"
)

// An Env is what a part may use of its surroundings. Whoever builds parts fills in
// every field but Reader and Inexact, which may be empty.
type Env struct {
	Pipeline string       // its name
	Logger   *slog.Logger // for rare events
	Catalog  *cdc.Catalog // the tables known; shared by all parts
	Dir      string       // of the pipeline's file; see Path

	// Tables are the definitions known before the pipeline runs, in the form in
	// which a part meets them: as changed by each [TableMapper] before it.
	Tables []*cdc.Table

	// Reader asks the Cassandra that schema.cassandra names, nil if it names none.
	Reader cdc.Reader

	// Inexact is the file's schema.inexact, for parts whose own option does not
	// say: "approximate" or "refuse".
	Inexact string
}

// Path returns the path of a file named by an option: a relative one is relative to
// the pipeline's file.
func (e Env) Path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.Dir, name)
}

// A TableMapper is a stage after which changes have other table definitions. A
// pipeline's builder calls it, so that a sink may prepare its tables when it opens.
type TableMapper interface {
	// MapTables returns what becomes of in. It may leave out a definition that it
	// cannot map: its changes are diverted.
	MapTables(in []*cdc.Table) []*cdc.Table
}
