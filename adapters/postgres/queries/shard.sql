-- name: fence
-- Lock the shard's row: the first statement of every transaction of a shard.
SELECT * FROM shard WHERE shard = $1 FOR NO KEY UPDATE;

-- name: bump_epoch
-- Take the shard over: from here the former owner is refused.
UPDATE shard SET epoch = epoch + 1 WHERE shard = $1 AND halted_reason IS NULL RETURNING epoch;

-- name: read_shard
-- The row as it is, without a lock.
SELECT * FROM shard WHERE shard = $1;

-- name: read_epoch
-- Whose the shard is.
SELECT epoch FROM shard WHERE shard = $1;

-- name: write_shard
-- What a transaction changed in its own row.
UPDATE shard
SET position = $2, tick_cursor = $3, decided = $4, confirmed = $5, active = $6, recently_messaged = $7, policy = $8,
    begun_offset = $9, begun_tick_id = $10, begun_at = $11, begun_policy = $12, begun_figures = $13,
    begun_last_sequence = $14, tick_due = $15,
    -- The cursor moves exactly when a tick is begun.
    tick_since = CASE WHEN tick_cursor = $3 THEN tick_since ELSE now() END
WHERE shard = $1;

-- name: shard_progress
-- How far shards are. A row's xmin tells which transaction wrote it last.
SELECT shard, epoch, position, tick_cursor, decided, confirmed, xmin::text AS written, halted_reason IS NOT NULL AS halted,
       begun_offset IS NOT NULL OR confirmed < decided AS unfinished,
       EXISTS (SELECT FROM tick WHERE verdict = 'usable' AND tick_offset >= tick_cursor) AS tick_waits
FROM shard WHERE shard = ANY($1::integer[]) ORDER BY shard;

-- name: halt_shard
-- Leave the shard to an operator, while it is still the caller's.
UPDATE shard SET halted_reason = $3, halted_at = now() WHERE shard = $1 AND epoch = $2 AND halted_reason IS NULL;

-- name: fold_moves
-- Take the corrections that other shards left for this one.
WITH taken AS (DELETE FROM move WHERE shard = $1 RETURNING outcome, change)
SELECT outcome, sum(change)::bigint AS change FROM taken GROUP BY outcome;

-- name: leave_corrections
-- Tell other shards what users they lost.
INSERT INTO move (shard, outcome, change) SELECT * FROM unnest($1::integer[], $2::outcome[], $3::bigint[]);

-- name: lock_deployment
-- The row that judging and growth change.
SELECT shards, tick_next, tick_latest FROM deployment FOR NO KEY UPDATE;

-- name: grow
-- More shards, under the lock of the deployment row; the new ones begin behind all ticks judged so far.
WITH grown AS (UPDATE deployment SET shards = greatest(shards, $1) RETURNING shards, tick_next)
INSERT INTO shard (shard, tick_cursor)
SELECT number, tick_next FROM grown, generate_series(0, shards - 1) AS number
ON CONFLICT (shard) DO NOTHING;

-- name: end_frozen_sessions
-- End sessions of the engine whose client fell silent between preparing a statement and executing it: asyncpg prepares
-- with Parse and Flush, after which the session counts as active and neither idle_in_transaction_session_timeout nor
-- statement_timeout ends it, while the kernel of a frozen client answers the keepalives.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = current_setting('application_name')
  AND state = 'active' AND wait_event = 'ClientRead' AND state_change < now() - interval '5 seconds';
