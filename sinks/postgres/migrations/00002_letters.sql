-- +goose Up

-- Letters say which pipeline and table they are of, hold the decoded record and
-- every failed rule, and have a state, so that they can be worked on. The digest is
-- part of their identity: a topic that is deleted and made again counts from 0 anew.
-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
    FOR t IN
        SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
        AND (tablename IN ('dlq_archive', 'validation_errors', 'staleness_audit') OR tablename LIKE '%\_letters')
    LOOP
        EXECUTE format('ALTER TABLE %I
            DROP CONSTRAINT IF EXISTS %I,
            ADD COLUMN received_at timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN pipeline text NOT NULL DEFAULT '''',
            ADD COLUMN keyspace_name text,
            ADD COLUMN table_name text,
            ADD COLUMN failures jsonb NOT NULL DEFAULT ''[]'',
            ADD COLUMN record jsonb,
            ADD COLUMN written bigint,
            ADD COLUMN winner bigint,
            ADD COLUMN trace_id text,
            ADD COLUMN digest bytea NOT NULL GENERATED ALWAYS AS (sha256(coalesce(sha256(key), '''') || coalesce(sha256(value), ''''))) STORED,
            ADD COLUMN status text NOT NULL DEFAULT ''open'' CHECK (status IN (''open'', ''resubmitted'', ''archived'', ''discarded'')),
            ADD COLUMN status_at timestamptz,
            ADD COLUMN status_by text,
            ADD COLUMN note text,
            ADD COLUMN corrected bytea,
            ADD COLUMN resubmissions int NOT NULL DEFAULT 0',
            t, t || '_topic_partition_offset_key');
        EXECUTE format('CREATE UNIQUE INDEX ON %I (pipeline, topic, partition, "offset", digest)', t);
        EXECUTE format('CREATE INDEX ON %I (received_at)', t);
        EXECUTE format('CREATE INDEX ON %I (keyspace_name, table_name, code)', t);
        EXECUTE format('CREATE INDEX ON %I (id) WHERE status = ''open''', t);
    END LOOP;
END $$;
-- +goose StatementEnd

COMMENT ON COLUMN validation_errors.record IS 'the record as the stage received it, values as SELECT JSON writes them';
COMMENT ON COLUMN validation_errors.corrected IS 'the value that is to be resubmitted instead';
COMMENT ON COLUMN staleness_audit.written IS 'write time of the change, in microseconds since 1970';
COMMENT ON COLUMN staleness_audit.winner IS 'greatest write time among what it lost to; NULL if it was refused for its age';

-- Every failure of every record that left as a dead letter or invalid, in the order
-- in which they happened; a letter has the last ones only.
CREATE TABLE error_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    failed_at timestamptz NOT NULL,
    pipeline text NOT NULL,
    outlet text NOT NULL,
    step text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    keyspace_name text,
    table_name text,
    nr int NOT NULL,
    code text NOT NULL,
    rule text,
    column_name text,
    detail text NOT NULL,
    attempts int NOT NULL,
    UNIQUE (pipeline, topic, partition, "offset", failed_at, outlet, step, code, nr)
);
CREATE INDEX ON error_log (failed_at);
