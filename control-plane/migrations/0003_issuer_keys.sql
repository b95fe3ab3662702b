-- The public keys of issuers as they were fetched last; kept through outages and restarts. `next_at`: when to look again.
CREATE TABLE issuer_keys (
    name       TEXT   NOT NULL PRIMARY KEY,
    uri        TEXT   NOT NULL,
    keys       TEXT   NOT NULL,
    fetched_at BIGINT,
    next_at    BIGINT NOT NULL
);
