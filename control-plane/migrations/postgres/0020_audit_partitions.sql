-- The audit log by month, so that what is old goes as a table and not row by row. The columns stay as they are.

DROP INDEX IF EXISTS audit_by_time;
DROP INDEX IF EXISTS audit_by_seq;
ALTER TABLE audit RENAME TO audit_before;

CREATE TABLE audit (LIKE audit_before INCLUDING DEFAULTS) PARTITION BY RANGE (time);
ALTER TABLE audit ADD CONSTRAINT audit_by_id PRIMARY KEY (gateway, id, time);
CREATE INDEX audit_by_time ON audit (time, seq);
CREATE INDEX audit_by_seq ON audit (gateway, seq);
-- Whatever no month was made for: clocks that are wrong by years, or mcpd away for months.
CREATE TABLE audit_default PARTITION OF audit DEFAULT;

-- Makes the partition of the month in which `at` lies, unless it is there. Rows that lie in the default partition move.
CREATE OR REPLACE FUNCTION audit_make_partition(at TIMESTAMPTZ) RETURNS BOOLEAN
LANGUAGE plpgsql AS $$
DECLARE
    month TIMESTAMP := date_trunc('month', at AT TIME ZONE 'UTC');
    name TEXT := 'audit_' || to_char(month, 'YYYYMM');
    from_ms BIGINT := (EXTRACT(epoch FROM month AT TIME ZONE 'UTC') * 1000)::BIGINT;
    to_ms BIGINT := (EXTRACT(epoch FROM (month + INTERVAL '1 month') AT TIME ZONE 'UTC') * 1000)::BIGINT;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN FALSE;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE audit INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('WITH moved AS (DELETE FROM audit_default WHERE time >= %s AND time < %s RETURNING *) '
                   'INSERT INTO %I SELECT * FROM moved', from_ms, to_ms, name);
    EXECUTE format('ALTER TABLE audit ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, from_ms, to_ms);
    RETURN TRUE;
END
$$;

-- Makes the partitions from this month on to `months` ahead. How many were new. With the rights of its owner, so that a role
-- that may only serve can ask for it.
CREATE OR REPLACE FUNCTION audit_partitions_ahead(months INT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    made BIGINT := 0;
BEGIN
    IF months NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'from 0 to 24 months';
    END IF;
    -- Replicas take turns.
    PERFORM pg_advisory_xact_lock(x'6d6370645f617564'::BIT(64)::BIGINT);
    FOR ahead IN 0..months LOOP
        IF audit_make_partition(now() + make_interval(months => ahead)) THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
-- Names in it mean the tables of this very schema, whatever the caller says.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION audit_partitions_ahead(INT) SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION audit_make_partition(TIMESTAMPTZ) FROM PUBLIC;

SELECT audit_make_partition(month)
FROM generate_series(
    date_trunc('month', GREATEST(COALESCE(to_timestamp((SELECT min(time) FROM audit_before) / 1000.0), now()),
                                 now() - INTERVAL '10 years')),
    now(), INTERVAL '1 month') AS month;
SELECT audit_partitions_ahead(3);
INSERT INTO audit SELECT * FROM audit_before;
DROP TABLE audit_before;
