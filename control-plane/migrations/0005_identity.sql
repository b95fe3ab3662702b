-- Passwords as Argon2id PHC strings. Never in objects, never in snapshots.
CREATE TABLE passwords (
    username   TEXT   NOT NULL PRIMARY KEY,
    phc        TEXT   NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Sessions, by the digest of their token. `audience`: api (a bearer token) or browser (a cookie). `opened_with`: id of the token or
-- session that was shown, without which the session ends too; absent: a password was.
CREATE TABLE sessions (
    id          TEXT   NOT NULL PRIMARY KEY,
    digest      TEXT   NOT NULL UNIQUE,
    username    TEXT   NOT NULL,
    audience    TEXT   NOT NULL,
    opened_with TEXT,
    peer        TEXT,
    created_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (username);
-- browser_sessions is of no more use; mcpd of before, which may still serve, has its sessions there. To be dropped by the next release.

-- Digests are `v<version>:…` under the pepper of that version; one without a version was made before there were peppers.
ALTER TABLE tokens ADD COLUMN last_four TEXT;
ALTER TABLE tokens ADD COLUMN used_at BIGINT;
