-- +goose Up

-- What the replica holds, by Cassandra's names.
CREATE TABLE IF NOT EXISTS _cdc_metadata (
    keyspace_name text NOT NULL,
    table_name text NOT NULL,
    layout int NOT NULL,
    columns jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (keyspace_name, table_name)
);

-- How far each pipeline has merged what it reads.
CREATE TABLE IF NOT EXISTS _cdc_offsets (
    pipeline text NOT NULL,
    partition text NOT NULL,
    "offset" bigint NOT NULL,
    epoch int NOT NULL,
    log text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pipeline, partition)
);

-- What left by an outlet: a letter for each record.
CREATE TABLE IF NOT EXISTS dlq_archive (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    recorded_at timestamptz,
    code text NOT NULL,
    title text NOT NULL,
    detail text NOT NULL,
    fix text NOT NULL,
    step text NOT NULL,
    attempts int NOT NULL,
    first_failed_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    UNIQUE (topic, partition, "offset")
);
CREATE TABLE IF NOT EXISTS validation_errors (LIKE dlq_archive INCLUDING ALL);
CREATE TABLE IF NOT EXISTS staleness_audit (LIKE dlq_archive INCLUDING ALL);
