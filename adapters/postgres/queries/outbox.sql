-- name: add_entry
-- One more entry to publish.
INSERT INTO outbox (shard, sequence, payload) VALUES ($1, $2, $3);

-- name: read_outbox
-- What is decided and not confirmed.
SELECT sequence, payload FROM outbox WHERE shard = $1 ORDER BY sequence;

-- name: delete_entries
-- Entries that Kafka holds.
DELETE FROM outbox WHERE shard = $1 AND sequence <= $2;
