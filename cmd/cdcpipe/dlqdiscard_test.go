package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// typed makes text what stands on standard input.
func typed(t *testing.T, text string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	was := os.Stdin
	os.Stdin = r
	t.Cleanup(func() { os.Stdin = was; r.Close() })
}

// A letter is discarded by somebody who says why, by command and by HTTP. Then nothing
// sends it but who means it, and it can be restored.
func TestDiscard(t *testing.T) {
	s := stack(t)
	file, stop, stderr := spoil(t, s, lettersFile)
	query := func(sql, want string) {
		t.Helper()
		got := func() string { return answer(t.Context(), s.DSN(), sql) }
		until(t, func() string { return sql + ": " + got() + "\n" + stderr.String() }, func() bool { return got() == want })
	}
	query("SELECT (SELECT count(*) FROM cdcpipe.validation_errors), (SELECT count(*) FROM cdcpipe.dlq_archive)", "1|1")
	state := "SELECT status, coalesce(note, '') FROM cdcpipe.dlq_archive"
	typed(t, "n\nno\n")
	for _, tc := range []struct {
		args []string
		exit int
		want string // of what is printed
		then string
	}{
		{[]string{"discard", "--reason", "x"}, exitUsage, "name letters", "open|"},
		{[]string{"discard", "1"}, exitUsage, "--reason is missing", "open|"},
		{[]string{"discard", "--reason", " ", "1"}, exitUsage, "--reason is missing", "open|"},
		{[]string{"discard", "--undo", "--state", "open", "1"}, exitUsage, "takes no --state", "open|"},
		{[]string{"discard", "--reason", "x", "one"}, exitUsage, "not the number", "open|"},
		{[]string{"discard", "--reason", "x", "--yes", "99"}, exitData, "1 of 1 letters are not there", "open|"},
		{[]string{"discard", "--dry-run", "--all"}, exitOK, "1 would be discarded", "open|"},
		{[]string{"discard", "--reason", "x", "--all"}, exitOK, "1 letters of the outlet dead_letter will be discarded. Go on?", "open|"},
		{[]string{"discard", "--reason", "x", "1"}, exitUsage, "add --yes", "open|"},
		{[]string{"discard", "--reason", "a test's", "--code", "CDC-1", "-y"}, exitOK, "1 discarded", "discarded|a test's"},
		{[]string{"discard", "--reason", "x", "-y", "1"}, exitData, "in another state", "discarded|a test's"},
		{[]string{"list"}, exitOK, "no letters", "discarded|a test's"},
		{[]string{"list", "--state", "discarded", "-o", "json"}, exitOK, `"note": "a test's"`, "discarded|a test's"},
		{[]string{"replay", "--all"}, exitOK, "0 sent, 0 refused", "discarded|a test's"},
		{[]string{"replay", "1"}, exitData, "it was discarded by", "discarded|a test's"},
		{[]string{"replay", "--state", "all", "--all"}, exitData, "0 sent, 1 refused", "discarded|a test's"},
		{[]string{"discard", "--undo", "-y", "1"}, exitOK, "1 opened again", "open|it was discarded, which was undone"},
		{[]string{"discard", "--undo", "-y", "1"}, exitData, "in another state", "open|it was discarded, which was undone"},
	} {
		if tc.args[0] == "discard" && tc.exit == exitUsage && tc.want == "add --yes" {
			typed(t, "")
		}
		code, stdout, said := call(t, append([]string{"dlq", tc.args[0], "-f", file}, tc.args[1:]...)...)
		if code != tc.exit || !strings.Contains(stdout+said, tc.want) {
			t.Errorf("%q: exit %d\n%s%s", tc.args, code, stdout, said)
		}
		query(state, tc.then)
	}
	typed(t, "yes\n")
	if code, stdout, said := call(t, "dlq", "discard", "-f", file, "--outlet", "invalid", "--reason", "by hand", "--table", "shop"); code != 0 || stdout != "1 discarded\n" {
		t.Errorf("exit %d\n%s%s", code, stdout, said)
	}
	t.Setenv("EDITOR", "sed -i s/qty:.*/qty:\\ 3/")
	if code, _, said := call(t, "validation", "edit", "-f", file, "1"); code != exitData || !strings.Contains(said, "it was discarded by") {
		t.Errorf("exit %d\n%s", code, said)
	}

	at := "http://" + strings.TrimSuffix(regexp.MustCompile(`127\.0\.0\.1:\d+/metrics`).FindString(stderr.String()), "/metrics")
	for _, tc := range []struct {
		path, body string
		status     int
		want, then string
	}{
		{"/v1/dead-letters/discard", `{"ids":[1]}`, 400, "reason is missing", "open"},
		{"/v1/dead-letters/discard", `{"reason":"x"}`, 400, "which letters", "open"},
		{"/v1/dead-letters/discard", `{"reason":"x","undo":true,"state":"open","ids":[1]}`, 400, "takes no state", "open"},
		{"/v1/dead-letters/discard", `{"ids":[1],"dry_run":true}`, 200, `"matching":1`, "open"},
		{"/v1/dead-letters/discard", `{"table":"a.b.c","reason":"x"}`, 400, "CDC-6011", "open"},
		{"/v1/dead-letters/discard", `{"all":true,"reason":"by HTTP"}`, 200, `"changed":1`, "discarded"},
		{"/v1/dead-letters/discard", `{"ids":[1,99,99],"reason":"by HTTP"}`, 200, `"changed":0,"missing":2`, "discarded"},
		{"/v1/dead-letters/replay", `{"ids":[1]}`, 200, `"sent":0,"refused":[{"id":1,"code":"CDC-8021"`, "discarded"},
		{"/v1/validation-errors/1/resubmit", `{"columns":{"qty":3}}`, 422, "it was discarded by", "discarded"},
		{"/v1/dead-letters/discard", `{"ids":[1],"undo":true}`, 200, `"changed":1`, "open"},
		{"/v1/validation-errors/discard", `{"ids":[1],"undo":true}`, 200, `"changed":1`, "open"},
		{"/v1/validation-errors/1/resubmit", `{"columns":{"qty":3}}`, 200, `"sent":1`, "open"},
		{"/v1/dead-letters/discard", `{"ids":[1],"reason":"again"}`, 200, `"changed":1`, "discarded"},
		{"/v1/dead-letters/replay", `{"ids":[1],"state":"discarded"}`, 200, `"sent":1`, "resubmitted"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer secret")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != tc.status || !strings.Contains(string(body), tc.want) {
			t.Errorf("%s %s: got %d %s, %v", tc.path, tc.body, res.StatusCode, body, err)
		}
		query("SELECT status FROM cdcpipe.dlq_archive WHERE id = 1", tc.then)
	}
	query("SELECT string_agg(action || coalesce(':' || (detail->>'reason'), ''), ' ' ORDER BY id) FROM cdcpipe.letter_audit WHERE letters = 'dlq_archive' AND letter_id = 1",
		"discard:a test's restore discard:by HTTP restore discard:again resubmit")
	if log := stderr.String(); strings.Count(log, `"msg":"audit","action":"discard"`) != 3 || strings.Count(log, `"msg":"audit","action":"restore"`) != 2 {
		t.Errorf("the log has not a line for each change:\n%s", log)
	}
	if code, stderr := stop(); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
