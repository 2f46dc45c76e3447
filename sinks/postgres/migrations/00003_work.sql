-- +goose Up

-- What a program does about a letter it does at a time of its own, and exports once.
-- +goose StatementBegin
DO $$
DECLARE t text;
BEGIN
    FOR t IN
        SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
        AND (tablename IN ('dlq_archive', 'validation_errors', 'staleness_audit') OR tablename LIKE '%\_letters')
    LOOP
        EXECUTE format('ALTER TABLE %I
            ADD COLUMN due_at timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN exported_to text,
            ADD COLUMN exported_at timestamptz', t);
        EXECUTE format('CREATE INDEX ON %I (due_at) WHERE status = ''open''', t);
        EXECUTE format('CREATE INDEX ON %I (exported_to) WHERE exported_to IS NOT NULL', t);
        EXECUTE format('CREATE INDEX ON %I (status_at) WHERE status <> ''open''', t);
    END LOOP;
END $$;
-- +goose StatementEnd

COMMENT ON COLUMN dlq_archive.due_at IS 'when cdcpipe dlq run looks at the letter next; infinity if it has done its part';
COMMENT ON COLUMN dlq_archive.exported_to IS 'the file that the letter is exported to, without its ending; it is whole once exported_at is set';

-- Who did what with letters, and when. It outlasts them.
CREATE TABLE letter_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    letters text NOT NULL,
    letter_id bigint NOT NULL,
    pipeline text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    code text NOT NULL,
    was text NOT NULL,
    became text,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ON letter_audit (letters, letter_id);
CREATE INDEX ON letter_audit (at);

COMMENT ON COLUMN letter_audit.letters IS 'the table that the letter is in';
COMMENT ON COLUMN letter_audit.became IS 'its state since; NULL if it was purged';
