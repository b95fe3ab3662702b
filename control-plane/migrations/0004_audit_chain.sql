-- Audit records as they were written, in the order of each gateway's chain; `checkpoint` is the hash of the newest
-- checkpoint up to the record. Rows are added and read, nothing else: mcpd needs neither UPDATE nor DELETE here.
CREATE TABLE audit_records (
    gateway    TEXT   NOT NULL,
    epoch      BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    hash       TEXT   NOT NULL,
    checkpoint TEXT   NOT NULL,
    record     TEXT   NOT NULL,
    PRIMARY KEY (gateway, epoch, seq)
);

-- The public keys that gateways, and mcpd itself, have signed checkpoints with. Rows are added and read, nothing else.
CREATE TABLE audit_keys (
    gateway    TEXT   NOT NULL,
    public_key TEXT   NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (gateway, public_key)
);

-- More of an event to find it by; absent in events of before.
ALTER TABLE audit ADD COLUMN server TEXT;
ALTER TABLE audit ADD COLUMN outcome TEXT;
