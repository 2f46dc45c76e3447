package stages_test

import (
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages"
)

func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	first := table(t, users)
	for name, tc := range map[string]struct {
		cql  string
		code fault.Code
	}{
		"same":             {users, ""},
		"added":            {`CREATE TABLE shop.users (id int PRIMARY KEY, age int, email text, "a b" text, tags frozen<list<text>>, x int)`, ""},
		"dropped":          {`CREATE TABLE shop.users (id int PRIMARY KEY, age int)`, ""},
		"text for ascii":   {`CREATE TABLE shop.users (id int PRIMARY KEY, email ascii)`, ""},
		"retyped":          {`CREATE TABLE shop.users (id int PRIMARY KEY, age bigint)`, fault.TypeChanged},
		"retyped within":   {`CREATE TABLE shop.users (id int PRIMARY KEY, tags frozen<list<int>>)`, fault.TypeChanged},
		"thawed":           {`CREATE TABLE shop.users (id int PRIMARY KEY, tags list<text>)`, fault.TypeChanged},
		"another key":      {`CREATE TABLE shop.users (id bigint PRIMARY KEY, age int)`, fault.KeyChanged},
		"clustering added": {`CREATE TABLE shop.users (id int, age int, PRIMARY KEY (id, age))`, fault.KeyChanged},
		"another table":    {`CREATE TABLE shop.others (id bigint PRIMARY KEY, age list<int>)`, ""},
		"counters":         {`CREATE TABLE shop.hits (id int PRIMARY KEY, n counter)`, fault.TableRefused},
	} {
		st, err := stages.NewSchemaCheck(stages.DefaultSchemaCheck(), quiet)
		if err != nil {
			t.Fatal(err)
		}
		a, b := change(t, first, cdc.Insert, 1, nil), change(t, table(t, tc.cql), cdc.Insert, 2, nil)
		r := run(t, st, 10, a, b, a)
		if tc.code == "" {
			if len(r.out) != 3 {
				t.Errorf("%s: got %v", name, r.rejects)
			}
			continue
		}
		if len(r.out) != 2 || len(r.rejects) != 1 || r.rejects[0].Outlet != pipeline.Invalid || fault.CodeOf(r.rejects[0].Cause) != tc.code {
			t.Errorf("%s: got %v, want %s", name, r.rejects, tc.code)
		}
	}
	refuse, err := stages.NewSchemaCheck(stages.SchemaCheckConfig{Inexact: stages.InexactRefuse, Ignore: []string{"shop.b.s"}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, refuse, 10, change(t, table(t, `CREATE TABLE shop.a (id int PRIMARY KEY, s set<int>)`), cdc.Insert, 1, nil),
		change(t, table(t, `CREATE TABLE shop.b (id int PRIMARY KEY, s set<int>)`), cdc.Insert, 1, nil))
	if len(r.out) != 1 || len(r.rejects) != 1 || fault.CodeOf(r.rejects[0].Cause) != fault.ColumnNotExact {
		t.Errorf("got %v and %v", r.out, r.rejects)
	}
}

func TestStaleCheck(t *testing.T) {
	t.Parallel()
	tbl := table(t, users)
	now := time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC)
	at := func(age time.Duration) *cdc.Change {
		c := change(t, tbl, cdc.Insert, 1, nil)
		c.Time = now.Add(-age).UnixMicro()
		return c
	}
	young, old, snapshot := at(6*24*time.Hour), at(8*24*time.Hour), at(8*24*time.Hour)
	snapshot.Snapshot = true
	for _, tc := range []struct {
		cfg   stages.StaleCheckConfig
		stale int
	}{
		{stages.DefaultStaleCheck(), 0},
		{stages.StaleCheckConfig{Policy: stages.StaleRefuse, Threshold: 7 * 24 * time.Hour}, 1},
		{stages.StaleCheckConfig{Policy: stages.StaleRefuse, Threshold: 9 * 24 * time.Hour}, 0},
		{stages.StaleCheckConfig{Policy: stages.StaleRefuse, Threshold: time.Hour, Backfill: true}, 0},
	} {
		st, err := stages.NewStaleCheck(tc.cfg, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, st, 10, young, old, snapshot)
		if len(r.rejects) != tc.stale || len(r.out) != 3-tc.stale {
			t.Errorf("%+v: got %v", tc.cfg, r.rejects)
		}
		for _, x := range r.rejects {
			if x.Outlet != pipeline.Stale || fault.CodeOf(x.Cause) != fault.StaleTooOld || x.Value != old {
				t.Errorf("got %+v", x)
			}
		}
	}
	st, err := stages.NewStaleCheck(stages.StaleCheckConfig{Policy: stages.StaleRefuse, Threshold: time.Hour}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if st.SetBackfill(true) || !st.Backfill() || !st.SetBackfill(true) {
		t.Error("the switch does not say what it was")
	}
	if m := st.Measures(); len(m) != 1 || m[0].Value != 1 {
		t.Errorf("got %+v", m)
	}
	if r := run(t, st, 10, old); len(r.rejects) != 0 {
		t.Error("backfill refuses")
	}
	st.SetBackfill(false)
	if r := run(t, st, 10, old); len(r.rejects) != 1 {
		t.Error("the end of backfill refuses nothing")
	}
	tables := []stages.TableStale{{Match: "shop.users", Policy: stages.StaleAudit}, {Match: "shop.*", Threshold: 9 * 24 * time.Hour}}
	for _, tc := range []struct {
		policy, cql string
		days, stale int
	}{
		{stages.StaleRefuse, users, 100, 0}, // the first that matches counts
		{stages.StaleRefuse, `CREATE TABLE shop.others (id int PRIMARY KEY)`, 8, 0},
		{stages.StaleRefuse, `CREATE TABLE shop.others (id int PRIMARY KEY)`, 10, 1},
		{stages.StaleRefuse, `CREATE TABLE k.t (id int PRIMARY KEY)`, 8, 1},
		{stages.StaleAudit, `CREATE TABLE shop.others (id int PRIMARY KEY)`, 10, 0},
	} {
		st, err := stages.NewStaleCheck(stages.StaleCheckConfig{Policy: tc.policy, Threshold: 7 * 24 * time.Hour, Tables: tables}, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		c := change(t, table(t, tc.cql), cdc.Insert, 1, nil)
		c.Time = now.Add(-time.Duration(tc.days) * 24 * time.Hour).UnixMicro()
		if r := run(t, st, 10, young, c); len(r.rejects) != tc.stale {
			t.Errorf("%+v: got %v", tc, r.rejects)
		}
		if got := st.Refuses(); got != (tc.policy == stages.StaleRefuse) || (len(st.Outlets()) > 0) != got {
			t.Errorf("%+v: refuses %v, outlets %v", tc, got, st.Outlets())
		}
	}
	for _, bad := range []stages.StaleCheckConfig{
		{Policy: "x", Threshold: 1}, {Policy: stages.StaleAudit},
		{Policy: stages.StaleAudit, Threshold: 1, Tables: []stages.TableStale{{Match: "t"}}},
		{Policy: stages.StaleAudit, Threshold: 1, Tables: []stages.TableStale{{Match: "k.t", Policy: "x"}}},
		{Policy: stages.StaleAudit, Threshold: 1, Tables: []stages.TableStale{{Match: "k.t", Threshold: -1}}},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	st, err := stages.NewBatch(stages.BatchConfig{Records: 4, Bytes: 1 << 20, Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if n, b, linger := st.Gather(); n != 4 || b != 1<<20 || linger != time.Hour {
		t.Errorf("got %d, %d, %v", n, b, linger)
	}
	for _, bad := range []stages.BatchConfig{{}, {Records: 1}, {Records: 1, Bytes: 1, Every: -1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}
