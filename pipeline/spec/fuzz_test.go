package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

// FuzzParse: whatever a file holds, it is a pipeline or it is said what is wrong.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(showy))
	files, _ := filepath.Glob("testdata/errors/*.yaml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, text := range []string{
		strings.Repeat("[", 1000), strings.Repeat("- ", 1000), strings.Repeat("{a: ", 1000), strings.Repeat("? ", 100), strings.Repeat("&a ", 100), strings.Repeat("!a ", 100),
		"version: 1\n\"a\\0b\": {c: d}\n", "version: !!str 1", "version: &a\nname: *a\n", "\xef\xbb\xbfversion: 1\n", "version: 1\r\nname: x\r\n", "\xff\xfe", "version: 1\n? ? a\n: b\n",
		"version: 1\n<<: {name: x}\nsource: &s {use: numbers}\nsink: {<<: [*s, {with: {}}]}\n", "a: &a [*a]\n", "%YAML 1.2\n---\n...\n", "version: 1\nname: \"${env:A}${\"\nlog: {level: $$}\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := spec.Parse(t.Context(), "fuzz.yaml", data, parts(new(world)), spec.Options{Environ: []string{"A=a", "DSN=d", "CDCPIPE_SINK__WITH__DSN=x"}})
		if err != nil {
			ps := spec.Problems(err)
			if len(ps) == 0 || s != nil {
				t.Fatalf("got %v and %v", s, err)
			}
			for _, p := range ps {
				if fault.Describe(p.Code).Code != p.Code || p.Err.(*spec.Problem).At.File == "" || p.Err.(*spec.Problem).What == "" {
					t.Errorf("not a whole problem: %+v", p.Err)
				}
			}
			return
		}
		if _, err := s.Build(plugin.Env{}); err != nil {
			t.Errorf("loaded, and cannot be built: %v", err)
		}
		shown, err := s.Show(true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spec.Parse(t.Context(), "shown.yaml", shown, parts(new(world)), spec.Options{Environ: []string{}, Unresolved: true}); err != nil {
			t.Errorf("what is shown does not load: %v\n%s", err, shown)
		}
		s.Lint()
	})
}

func TestAliasesComeToAnEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("version: 1\nx-a0: &a0 [x, x]\n")
	for i := range 40 {
		b.WriteString(strings.NewReplacer("N", string(rune('a'+i%26))+string(rune('a'+i/26)), "M", prior(i)).Replace("x-N: &N [*M, *M]\n"))
	}
	_, err := parse(t, new(world), b.String())
	if err == nil || !strings.Contains(err.Error(), "too many parts") {
		t.Errorf("got %.300v", err)
	}
	if n := len(spec.Problems(err)); n != 1 {
		t.Errorf("got %d problems", n)
	}
	if _, err := parse(t, new(world), "# "+strings.Repeat("x", 300<<10)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
	if _, err := parse(t, new(world), strings.Repeat("#\n", 60_000)); err == nil || !strings.Contains(err.Error(), "too many parts") {
		t.Errorf("got %v", err)
	}
	if _, err := parse(t, new(world), strings.Repeat("[", 1000)); err == nil || !strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("got %v", err)
	}
	if _, err := parse(t, new(world), strings.Repeat("- ", 1000)+"a"); err == nil || !strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("got %v", err)
	}
}

func prior(i int) string {
	if i == 0 {
		return "a0"
	}
	i--
	return string(rune('a'+i%26)) + string(rune('a'+i/26))
}
