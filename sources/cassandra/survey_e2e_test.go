//go:build e2e

package cassandra_test

import "testing"

// Tables whose reads repair replicas are told from those of one replica, and from those
// that have it switched off.
func TestSurveyReadRepair(t *testing.T) {
	l := newLab(t, "survey_one")
	l.do("CREATE TABLE survey_one.t (id int PRIMARY KEY)")
	l.do("DROP KEYSPACE IF EXISTS survey_three")
	l.do("CREATE KEYSPACE survey_three WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}")
	l.do("CREATE TABLE survey_three.t (id int PRIMARY KEY)")
	l.do("CREATE TABLE survey_three.off (id int PRIMARY KEY) WITH read_repair = 'NONE'")
	all, err := l.schema.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, x := range all {
		got[x.String()] = x.ReadRepair
	}
	for name, want := range map[string]bool{"survey_one.t": false, "survey_three.t": true, "survey_three.off": false} {
		if repaired, there := got[name]; !there || repaired != want {
			t.Errorf("%s: listed %v, repaired %v, want %v", name, there, repaired, want)
		}
	}
}
