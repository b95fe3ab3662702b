-- One text for SQLite and PostgreSQL: TEXT and BIGINT only, times in milliseconds since the Unix epoch.

-- Facts about this database. `master_key_sentinel` is known text under the master key.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row. Whoever changes configuration updates it first and so waits for every other change.
CREATE TABLE revision (
    id    BIGINT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO revision (id, value) VALUES (1, 0);

CREATE TABLE objects (
    kind     TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    spec     TEXT   NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    digest     TEXT   NOT NULL UNIQUE,
    username   TEXT   NOT NULL,
    label      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX tokens_by_user ON tokens (username);

CREATE TABLE secrets (
    name       TEXT   NOT NULL PRIMARY KEY,
    revision   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    ciphertext TEXT   NOT NULL
);

CREATE TABLE join_tokens (
    digest     TEXT   NOT NULL PRIMARY KEY,
    gateway    TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE gateways (
    name        TEXT   NOT NULL PRIMARY KEY,
    digest      TEXT   NOT NULL UNIQUE,
    sealing_key TEXT   NOT NULL,
    enrolled_at BIGINT NOT NULL,
    seen_at     BIGINT,
    status      TEXT
);

-- `event` is the whole audit event; the other columns are what it can be found by.
CREATE TABLE audit (
    gateway  TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    time     BIGINT NOT NULL,
    phase    TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    decision TEXT   NOT NULL,
    username TEXT,
    project  TEXT,
    target   TEXT,
    event    TEXT   NOT NULL,
    PRIMARY KEY (gateway, id)
);
CREATE INDEX audit_by_time ON audit (time, seq);
CREATE INDEX audit_by_seq ON audit (gateway, seq);
