// Package configs holds pipeline files that work: to begin from, and for the
// program itself.
package configs

import "embed"

// FS holds the files.
//
//go:embed *.yaml tables.cql
var FS embed.FS
