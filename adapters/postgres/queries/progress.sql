-- name: running_cycles
-- Ticks that some shard has begun and not all are done with. Dealt with and to be dealt with are due users: those of
-- shards behind the tick, and of all others, of whom at most $1 are counted. Pages are those of the table of users.
WITH running AS (
    SELECT begun_offset AS tick_offset, min(tick_since) AS since FROM shard
    WHERE begun_offset IS NOT NULL GROUP BY begun_offset
)
SELECT tick_id, at, shards, evaluated + coalesced AS shards_done,
       (SELECT sum(tick_due)::bigint FROM shard WHERE tick_cursor = tick_offset + 1) AS dealt_with,
       (SELECT count(*) FROM (
            SELECT FROM shard CROSS JOIN LATERAL (
                -- In this order, so that no other way than the index can seem to be the shortest.
                SELECT FROM users
                WHERE users.shard = shard.shard AND wake_at <= at AND wake_at < 'infinity' ORDER BY wake_at LIMIT $1
            ) AS due
            WHERE tick_cursor <= tick_offset OR (begun_offset = tick_offset AND begun_last_sequence IS NULL)
            LIMIT $1
        ) AS found) AS remaining,
       coalesce(extract(epoch FROM clock_timestamp() - since), 0)::float8 AS seconds,
       pg_relation_size('users') / current_setting('block_size')::bigint AS pages
FROM running JOIN tick USING (tick_offset) ORDER BY at;

-- name: sample_due
-- How many users are due at $1 in so many hundredths of the pages, picked by chance: what that costs depends on no
-- number of users.
SELECT count(*) AS found FROM users TABLESAMPLE SYSTEM ($2) WHERE wake_at <= $1 AND wake_at < 'infinity';
