-- name: claim_halted
-- An operator takes a halted shard: every former owner, and every other operator, is refused from here.
UPDATE shard SET epoch = epoch + 1 WHERE shard = $1 AND halted_reason IS NOT NULL RETURNING epoch;

-- name: lock_halted
-- The first statement of the transaction that lets the shard go on: it is still halted, and still the caller's.
SELECT 1 FROM shard WHERE shard = $1 AND epoch = $2 AND halted_reason IS NOT NULL FOR NO KEY UPDATE;

-- name: fill_holes
-- Empty entries in the places of lost ones.
INSERT INTO outbox (shard, sequence, payload) SELECT $1, unnest($2::bigint[]), $3;

-- name: delete_strays
-- Entries outside the sequences that are decided and not confirmed.
DELETE FROM outbox WHERE shard = $1 AND sequence = ANY($2::bigint[]);

-- name: let_go_on
-- The shard is anybody's again, and is read from here on.
UPDATE shard SET position = $2, halted_reason = NULL, halted_at = NULL WHERE shard = $1;

-- name: patience
-- The message log has no index by sequence: an operator may wait for a look at all of it.
SET LOCAL statement_timeout TO '1min';

-- name: count_messages
-- Messages that were decided under the sequences from $2 to $3.
SELECT count(*) FROM message WHERE shard = $1 AND sequence BETWEEN $2 AND $3;

-- name: count_messages_of
-- Messages that were decided under these sequences.
SELECT count(*) FROM message WHERE shard = $1 AND sequence = ANY($2::bigint[]);
