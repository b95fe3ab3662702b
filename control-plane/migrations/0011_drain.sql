-- Since when a gateway is to be drained; null: it serves.
ALTER TABLE gateways ADD COLUMN drained_at BIGINT;
