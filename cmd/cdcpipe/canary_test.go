package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/cmd/cdcpipe/canary"
)

// The canary is looked for before there is a schema, a view or a row, and after.
func TestCanaryInReplica(t *testing.T) {
	s := stack(t)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	r, err := canary.NewReplica(ctx, s.DSN(), "cdc pipe", "canary")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	when := time.UnixMicro(1767225601000001)
	for _, x := range []struct {
		sql  string
		want time.Time
	}{
		{"SELECT", time.Time{}},
		{`CREATE SCHEMA "cdc pipe"`, time.Time{}},
		{`CREATE TABLE "cdc pipe".canary (worker text, seq bigint)`, time.Time{}},
		{`INSERT INTO "cdc pipe".canary VALUES ('other', 5), ('w', NULL)`, time.Time{}},
		{`UPDATE "cdc pipe".canary SET seq = 1767225601000001 WHERE worker = 'w'`, when},
	} {
		if _, err := conn.Exec(ctx, x.sql); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Newest(ctx, "w"); err != nil || !got.Equal(x.want) {
			t.Errorf("after %s: got %v, %v, want %v", x.sql, got, err, x.want)
		}
	}
	if _, err := conn.Exec(ctx, `ALTER TABLE "cdc pipe".canary RENAME seq TO other`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Newest(ctx, "w"); err == nil {
		t.Error("another table passes for the canary's")
	}
	if _, err := canary.NewReplica(ctx, "postgres://u:hush@[", "k", "t"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
