-- What was asked of instances, and what is known of those that mcpd looks after itself. `status` is what people see; `handled` names the
-- configuration it was made under. `next_at`: when to look again; absent: never, a gateway looks after it. Whoever looks holds the lease, so that
-- two replicas never work on one instance.
CREATE TABLE instances (
    server      TEXT   NOT NULL PRIMARY KEY,
    runtime     TEXT   NOT NULL,
    restarts    BIGINT NOT NULL,
    tests       BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    handled     TEXT   NOT NULL,
    failures    BIGINT NOT NULL,
    silences    BIGINT NOT NULL,
    endpoint    TEXT,
    status      TEXT,
    next_at     BIGINT,
    lease       TEXT,
    lease_until BIGINT
);
