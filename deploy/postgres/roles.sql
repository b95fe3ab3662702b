-- Two roles: the owner makes and changes tables (`mcpctl db migrate|restore|move|retain`), `mcpd` serves and cannot take
-- anything out of the audit log, nor change a record in it.
--
-- Run it as the owner of mcpd's database, after `mcpctl db migrate`, and again after every migration and restore:
--   psql "$OWNER_DATABASE_URL" -v ON_ERROR_STOP=1 -f roles.sql
-- Then set the password (`\password mcpd`), and let mcpd's DATABASE_URL name the role `mcpd`.

DO $$
DECLARE
    tables TEXT := (SELECT string_agg(format('%I', c.relname), ', ')
                    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p'));
    name TEXT;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mcpd') THEN
        CREATE ROLE mcpd LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO mcpd', current_database());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO mcpd', current_schema());
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, mcpd', current_schema());
    EXECUTE format('REVOKE ALL ON %s FROM mcpd', tables);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO mcpd', tables);
    REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM mcpd;

    -- The audit log. Records are added and read, nothing else; `audit`, which is made from them for searching, has the
    -- outcome of an exchange in the place of its intent. Partitions are reached through their table only.
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                AND relkind IN ('r', 'p') AND relname ~ '^audit' LOOP
        EXECUTE format('REVOKE ALL ON %I FROM mcpd', name);
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                AND relkind IN ('r', 'p') AND NOT relispartition AND relname ~ '^audit' LOOP
        EXECUTE format('GRANT SELECT, INSERT ON %I TO mcpd', name);
    END LOOP;
    GRANT UPDATE ON audit TO mcpd;
END
$$;
