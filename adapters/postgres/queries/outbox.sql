-- name: add_entry
-- One more entry to publish.
INSERT INTO outbox (shard, sequence, payload) VALUES ($1, $2, $3);

-- name: read_outbox
-- What is decided and not confirmed.
SELECT sequence, payload FROM outbox WHERE shard = $1 ORDER BY sequence;

-- name: delete_entries
-- Entries that Kafka holds.
DELETE FROM outbox WHERE shard = $1 AND sequence <= $2;

-- name: log_messages
-- One row per message, under the sequence of the entry that publishes it.
INSERT INTO message (shard, sequence, tick_id, decided_at, user_id, message_id, segment, tone, content)
SELECT $1, $2, $3, $4, given.*
FROM unnest($5::text[], $6::uuid[], $7::segment[], $8::tone[], $9::text[]) AS given;
