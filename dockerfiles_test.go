package cdcpipe_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instructions returns those of a Dockerfile, continued lines joined.
func instructions(text string) (ins [][2]string) {
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.SplitSeq(text, "\n") {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			ins = append(ins, [2]string{name, strings.Join(strings.Fields(rest), " ")})
		}
	}
	return ins
}

// Images are built from pinned ones and run as a user without rights, and what is
// copied exists.
func TestDockerfiles(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t).Services {
		if s.Build == nil {
			continue
		}
		context := filepath.Join(dockerDir, s.Build.Context)
		path := filepath.Join(context, "Dockerfile")
		if s.Build.Dockerfile != "" {
			path = filepath.Join(context, s.Build.Dockerfile)
		}
		text := contents(t, path)
		for arg := range s.Build.Args {
			if !strings.Contains(text, "\nARG "+arg+"=") {
				t.Errorf("%s: %s has no ARG %s with a default", name, path, arg)
			}
		}
		for _, why := range dockerfile(t, context, text) {
			t.Errorf("%s: %s", path, why)
		}
	}
	for _, bad := range []string{
		"FROM debian\nUSER 1:1\nENTRYPOINT [\"x\"]",
		"FROM debian:latest\nUSER 1:1\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nUSER 1:1\nUSER root\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nADD go.mod /\nUSER 1:1\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nCOPY none /\nUSER 1:1\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nRUN apt-get install -y curl\nUSER 1:1\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nCOPY --from=build /x /\nUSER 1:1\nENTRYPOINT [\"x\"]",
		"FROM debian:12.5\nUSER 1:1\nENTRYPOINT x",
	} {
		if dockerfile(t, ".", bad) == nil {
			t.Errorf("nothing is found wrong with %q", bad)
		}
	}
}

// dockerfile says what is wrong with one.
func dockerfile(t *testing.T, context, text string) (wrong []string) {
	t.Helper()
	var stages []string
	user, start := "", ""
	for _, in := range instructions(text) {
		name, rest := in[0], in[1]
		words := strings.Fields(rest)
		switch name {
		case "FROM":
			if words[0] != "scratch" && !slices.Contains(stages, words[0]) && !pinned(words[0]) {
				wrong = append(wrong, words[0]+" is not pinned")
			}
			stages, user = append(stages, words[len(words)-1]), ""
		case "USER":
			user = rest
		case "ENTRYPOINT":
			start = rest
		case "ADD":
			wrong = append(wrong, "ADD: use COPY")
		case "COPY":
			if from, ok := strings.CutPrefix(words[0], "--from="); ok {
				if !slices.Contains(stages, from) {
					wrong = append(wrong, "no stage "+from)
				}
				continue
			}
			for _, w := range words[:len(words)-1] {
				if _, err := os.Stat(filepath.Join(context, w)); err != nil {
					wrong = append(wrong, err.Error())
				}
			}
		case "RUN":
			if strings.Contains(rest, "apt-get install") && !strings.Contains(rest, "--no-install-recommends") {
				wrong = append(wrong, "apt-get install without --no-install-recommends")
			}
			if m := regexp.MustCompile(`-X main\.(\w+)=`).FindStringSubmatch(rest); m != nil && !strings.Contains(contents(t, "cmd/cdcpipe/version.go"), "var "+m[1]+" string") {
				wrong = append(wrong, "there is no variable "+m[1])
			}
		}
	}
	if uid, _, _ := strings.Cut(user, ":"); uid == "" || uid == "0" || uid == "root" {
		wrong = append(wrong, "runs as root")
	}
	if !strings.HasPrefix(start, "[") {
		wrong = append(wrong, "ENTRYPOINT is no list: signals would end at the shell")
	}
	return wrong
}

// What the image is built of includes every folder that the program imports.
func TestDockerignore(t *testing.T) {
	t.Parallel()
	ignore := contents(t, "compose/cdcpipe/Dockerfile.dockerignore")
	for _, p := range list(t, "-deps", "./cmd/cdcpipe") {
		if name, ok := ours(p.ImportPath); ok {
			if dir, _, _ := strings.Cut(name, "/"); !strings.Contains(ignore, "\n!"+dir+"\n") {
				t.Errorf("the image is built without %s", dir)
			}
		}
	}
}
