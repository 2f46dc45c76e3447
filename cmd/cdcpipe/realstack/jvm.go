package realstack

import (
	"context"
	"path/filepath"

	"cdcpipe/pipeline/fault"
)

// fetch finds Java, and fetches the programs that the cache does not have.
func (s *Stack) fetch(ctx context.Context, rel release) (err error) {
	if s.java, err = FindJava(ctx); err != nil {
		return err
	}
	s.jars = map[Part]string{}
	for p, l := range map[Part]library{Kafka: kafkaLibrary, Cassandra: rel.cassandra, Agent: rel.agent} {
		if s.jars[p], err = l.fetch(ctx, s.cfg.Cache, s.java, func(what string) { s.cfg.Log.Info(what) }); err != nil {
			return err
		}
	}
	return nil
}

// jvm starts a Java program in dir as the server of a part: a main class with its
// arguments.
func (s *Stack) jvm(ctx context.Context, p Part, dir string, flags []string, main ...string) (*starting, error) {
	// What a killed JVM leaves behind stays in the directory of the stack.
	flags = append([]string{"-XX:-UsePerfData", "-Djava.io.tmpdir=" + s.path("tmp")}, flags...)
	if s.cfg.Runner != nil {
		return s.run(ctx, Server{Part: p, Dir: dir, Args: flags, Main: main})
	}
	classes, err := s.classes(p)
	if err != nil {
		return nil, err
	}
	args := append(append(flags, classes...), main...)
	return launch(string(p), dir, logFile(s.cfg.Dir, p), filepath.Join(s.java, "bin", "java"), args, []string{"JAVA_HOME=" + s.java})
}

// classes returns the flags that say where the classes of a part are.
func (s *Stack) classes(p Part) ([]string, error) {
	one := func(glob string) (string, error) {
		found, err := filepath.Glob(filepath.Join(s.jars[p], glob))
		if err != nil || len(found) == 0 {
			return "", fault.New(fault.ArtifactMissing, "%s holds no %s", s.jars[p], glob)
		}
		return found[0], nil
	}
	switch p {
	case Agent:
		jar, err := one("debezium-connector-cassandra-*.jar")
		return []string{"-cp", jar}, err
	case Cassandra:
		jamm, err := one("jamm-*.jar")
		return []string{"-javaagent:" + jamm, "-cp", filepath.Join(s.jars[p], "*")}, err
	default:
		return []string{"-cp", filepath.Join(s.jars[p], "*")}, nil
	}
}
