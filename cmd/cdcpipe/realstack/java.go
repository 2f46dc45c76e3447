package realstack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"cdcpipe/pipeline/fault"
)

// javaMajor is the one version of Java that all three servers run on: Cassandra
// 5.0 takes 11 and 17, Kafka 4 no less than 17.
const javaMajor = "17"

// javaPlaces are where packages put JDKs, by glob.
var javaPlaces = []string{
	"/usr/lib/jvm/*", // Debian, Fedora
	"/opt/java/*",    // container images
	"/Library/Java/JavaVirtualMachines/*/Contents/Home", // macOS
	"/opt/homebrew/opt/openjdk@17",
}

// FindJava returns the home of a Java 17: that of JAVA_HOME, else of the java on
// PATH, else one in the usual places.
func FindJava(ctx context.Context) (home string, err error) { return pickJava(ctx, javaHomes()) }

func pickJava(ctx context.Context, homes []string) (string, error) {
	var tried []string
	for _, home := range homes {
		version, err := javaVersion(ctx, home)
		if err != nil {
			continue // there is none
		}
		if version == javaMajor {
			return home, nil
		}
		tried = append(tried, home+" is "+version)
	}
	found := "none"
	if len(tried) > 0 {
		found = strings.Join(tried, ", ")
	}
	return "", fault.New(fault.JavaMissing, "no Java %s in JAVA_HOME, on PATH or in %s; found: %s", javaMajor, strings.Join(javaPlaces, ", "), found)
}

// javaHomes returns what may be the home of a Java, the best first.
func javaHomes() (homes []string) {
	if h := os.Getenv("JAVA_HOME"); h != "" {
		homes = append(homes, h)
	}
	if p, err := exec.LookPath("java"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(p)))
		}
	}
	for _, g := range javaPlaces {
		dirs, _ := filepath.Glob(g)
		homes = append(homes, dirs...)
	}
	return homes
}

var javaVersionLine = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

func javaVersion(ctx context.Context, home string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(home, "bin", "java"), "-version").CombinedOutput()
	if err != nil {
		return "", err
	}
	m := javaVersionLine.FindSubmatch(out)
	if m == nil {
		return "unknown", nil
	}
	return string(m[1]), nil
}

func findMaven() (string, error) {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fault.New(fault.MavenMissing, "%w", err)
	}
	return mvn, nil
}
