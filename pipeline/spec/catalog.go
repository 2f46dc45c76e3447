package spec

import (
	"fmt"
	"os"
	"strings"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// Catalog returns the catalog of the tables that schema.cql defines. It asks loader,
// which may be nil, for others, and for newer definitions: whoever calls makes one of
// schema.cassandra. The files are read as one, in the order given.
func (s *Spec) Catalog(loader cdc.Loader) (*cdc.Catalog, error) {
	var all strings.Builder
	var ends []int // the number of lines up to the end of each file
	for i, name := range s.Config.Schema.CQL {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fault.Wrap(fault.ConfigFile, fmt.Errorf("%s: schema.cql[%d]: %w", s.at("schema", "cql"), i, err))
		}
		all.Write(b)
		all.WriteByte('\n')
		ends = append(ends, strings.Count(all.String(), "\n"))
	}
	schema, err := cdc.ParseCQL(all.String())
	if err != nil {
		return nil, fault.Wrap(fault.BadDefinition, s.inFile(err, ends))
	}
	return cdc.NewCatalog(loader, schema.Tables()...), nil
}

// inFile turns the line that err begins with into that of the file it came from.
func (s *Spec) inFile(err error, ends []int) error {
	var line, column int
	position, what, _ := strings.Cut(err.Error(), ": ")
	if n, _ := fmt.Sscanf(position, "%d:%d", &line, &column); n != 2 {
		return fmt.Errorf("schema.cql: %w", err)
	}
	before := 0
	for i, end := range ends {
		if line <= end || i == len(ends)-1 {
			return fmt.Errorf("%s:%d:%d: %s", s.Config.Schema.CQL[i], line-before, column, what)
		}
		before = end
	}
	return err
}

// at returns where an option stands, or the file.
func (s *Spec) at(path ...string) Position {
	n := s.root
	for _, key := range path {
		if next := n.get(key); next != nil {
			n = next
		}
	}
	return n.At
}
