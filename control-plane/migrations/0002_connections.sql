-- Tokens of upstream servers, and what it takes to obtain them. Every `ciphertext` is bound to its row and version.

-- `username` is '' for a server's own connection; `url` is the server's when consent was given. `expires_at`: of the access token. `renew_at`: when to renew it next;
-- whoever renews holds the lease, so that two replicas never spend the same refresh token.
CREATE TABLE connections (
    id           TEXT   NOT NULL PRIMARY KEY,
    server       TEXT   NOT NULL,
    username     TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    url          TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    problem      TEXT,
    scopes       TEXT   NOT NULL,
    ciphertext   TEXT   NOT NULL,
    connected_at BIGINT,
    expires_at   BIGINT,
    renew_at     BIGINT,
    lease        TEXT,
    lease_until  BIGINT,
    step_ups     BIGINT NOT NULL,
    UNIQUE (server, username)
);
CREATE INDEX connections_by_renewal ON connections (renew_at);

-- Clients registered dynamically: one per authorization server and redirect URI, never used with another.
CREATE TABLE registrations (
    issuer       TEXT   NOT NULL,
    redirect_uri TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    ciphertext   TEXT   NOT NULL,
    expires_at   BIGINT,
    PRIMARY KEY (issuer, redirect_uri)
);

-- Consents under way, by the digest of their `state`; taken once.
CREATE TABLE flows (
    digest     TEXT   NOT NULL PRIMARY KEY,
    ciphertext TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Links that `mcpctl connect` asked for, by digest.
CREATE TABLE connect_tickets (
    digest     TEXT   NOT NULL PRIMARY KEY,
    username   TEXT   NOT NULL,
    token_id   TEXT   NOT NULL,
    server     TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    used       BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Browsers, by the digest of their cookie; good as long as the token they were opened with.
CREATE TABLE browser_sessions (
    digest     TEXT   NOT NULL PRIMARY KEY,
    username   TEXT   NOT NULL,
    token_id   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
