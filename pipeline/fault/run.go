package fault

// Faults of running.
const (
	ServerMissing   Code = "CDC-8001"
	ServerStart     Code = "CDC-8002"
	DataDirectory   Code = "CDC-8003"
	AddressInUse    Code = "CDC-8004"
	Mismatch        Code = "CDC-8005"
	DrainTimeout    Code = "CDC-8006"
	DirectoryInUse  Code = "CDC-8007"
	RedisDown       Code = "CDC-8008"
	DifferentRun    Code = "CDC-8009"
	CassandraDown   Code = "CDC-8010"
	Abandoned       Code = "CDC-8011"
	JavaMissing     Code = "CDC-8012"
	MavenMissing    Code = "CDC-8013"
	ArtifactMissing Code = "CDC-8014"
	Incomplete      Code = "CDC-8015"
	ReplicaDiffers  Code = "CDC-8016"
	WorkerUnreached Code = "CDC-8017"
	DockerDown      Code = "CDC-8018"
	CollectorDown   Code = "CDC-8019"
	LetterMissing   Code = "CDC-8020"
	LetterRefused   Code = "CDC-8021"
	ReplayLimit     Code = "CDC-8022"
	EditorFailed    Code = "CDC-8023"
	LetterChanged   Code = "CDC-8024"
	RedisDenied     Code = "CDC-8025"
	RedisRefused    Code = "CDC-8026"
	BrokenInvariant Code = "CDC-9001"
)

func runEntries() []Entry {
	return []Entry{
		{ServerMissing, "PostgreSQL binaries not found", "Install PostgreSQL 14 or newer (Debian: apt-get install postgresql), or name its bin directory in CDCPIPE_PG_BIN."},
		{ServerStart, "embedded server did not start", "Read the server's log that the message names."},
		{DataDirectory, "data directory unusable", "Give a writable directory with --data, or remove the one that the message names."},
		{AddressInUse, "address already in use", "Choose another address, or stop the process that has it."},
		{Mismatch, "replica differs from the oracle", "This is a bug in cdcpipe: keep the data directory and report the seed and the rows that the message names."},
		{DrainTimeout, "drain timed out", "What was in flight was not committed and will be read again; raise drain_timeout if it happens often."},
		{DirectoryInUse, "data directory in use", "Another cdcpipe runs on it: stop that one, or give another directory with --data."},
		{RedisDown, "Redis unreachable", "cdcpipe goes on without it; check the address and the server."},
		{DifferentRun, "data directory belongs to another run", "The directory holds a run with another seed or number of events: use the same flags, another directory, or --reset."},
		{CassandraDown, "Cassandra unreachable", "Check schema.cassandra.hosts, the credentials and the network."},
		{Abandoned, "stopped at once", "What was in flight was not committed and will be read again; one signal alone lets it finish."},
		{JavaMissing, "Java 17 not found", "Install a JDK 17 (Debian: apt-get install openjdk-17-jdk-headless), or name its directory in JAVA_HOME."},
		{MavenMissing, "Maven not found", "Install Maven (Debian: apt-get install maven), which fetches the programs of the servers into the cache; it is not needed once they are there."},
		{ArtifactMissing, "programs of the servers could not be fetched", "Read what Maven says; check the network, and the mirrors of Maven's settings.xml if it needs any."},
		{Incomplete, "not complete yet", "What was done stays done: call the same command again, and it goes on from there."},
		{ReplicaDiffers, "replica differs from Cassandra", "Let cdcpipe verify --repair heal the rows. If they differ again, look for a table without cdc, an agent that does not run, or rejected records."},
		{WorkerUnreached, "no worker answers", "Check that the pipeline runs, that admin.listen (or --admin) is its address, and admin.token its token."},
		{DockerDown, "Docker does not answer", "Start Docker, or name its socket in DOCKER_HOST; without CDCPIPE_STACK=docker, tests run the servers as processes, which takes no Docker."},
		{CollectorDown, "collector of traces does not answer", "Check tracing.endpoint (or OTEL_EXPORTER_OTLP_ENDPOINT), the protocol and the port (4318 for http/protobuf, 4317 for grpc). The pipeline goes on; spans are dropped and counted meanwhile."},
		{LetterMissing, "no such letter", "List the letters (cdcpipe dlq list --state all), and check the outlet; what was purged is gone but for its audit."},
		{LetterRefused, "letter cannot be resubmitted", "Correct what the message names, or export the letter and correct the row in Cassandra; nothing was sent and nothing changed."},
		{ReplayLimit, "letter was replayed too often", "Remove what it fails by, which its code and detail say, then replay it with a greater --max-replays."},
		{EditorFailed, "editor could not be run", "Set VISUAL or EDITOR to a program that returns once the file is saved, such as vi or code --wait."},
		{LetterChanged, "letter was dealt with meanwhile", "Look at it again (cdcpipe dlq show), which tells who did what; then repeat the command if it is still needed. Nothing was sent."},
		{RedisDenied, "Redis refuses access", "cdcpipe goes on without it; check redis.username and redis.password, and the user's ACL: SET, DEL, GET, HSET, HGETALL, PING and SCAN on cdcpipe:*."},
		{RedisRefused, "Redis takes no heartbeat", "cdcpipe goes on without it; read what Redis says: name the primary (or redis.sentinels), give it memory or disk, or delete the key that somebody else keeps."},
		{BrokenInvariant, "broken invariant", "This is a bug in cdcpipe: nothing unsettled was committed; report the message."},
	}
}
