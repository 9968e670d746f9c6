-- name: write_verdicts
-- What was judged, and how far, by the only one who may: the holder of the deployment row.
WITH advanced AS (UPDATE deployment SET tick_next = $1, tick_latest = $2 RETURNING shards)
INSERT INTO tick (tick_offset, verdict, tick_id, at, shards)
SELECT given.*, shards
FROM advanced, unnest($3::bigint[], $4::verdict[], $5::text[], $6::timestamptz[]) AS given;

-- name: read_tick_next
-- How far the tick topic is judged.
SELECT tick_next FROM deployment;

-- name: usable_ticks
-- What a shard chooses from.
SELECT tick_offset, tick_id, at FROM tick
WHERE tick_offset >= $1 AND tick_offset < $2 AND verdict = 'usable' ORDER BY tick_offset;

-- name: lock_ticks
-- Rows that count shards, in the order of their offsets: the last locks of a transaction.
SELECT 1 FROM tick WHERE tick_offset = ANY($1::bigint[]) ORDER BY tick_offset FOR NO KEY UPDATE;

-- name: count_coalesced
-- The shard leaves these ticks out.
UPDATE tick
SET coalesced = coalesced + 1, ended_at = CASE WHEN evaluated + coalesced + 1 = shards THEN now() END
WHERE tick_offset = ANY($1::bigint[])
RETURNING *;

-- name: count_evaluated
-- The shard has evaluated this tick, with these figures.
UPDATE tick
SET evaluated = evaluated + 1, active = active + $2, recently_messaged = recently_messaged + $3,
    dormant = dormant + $4, new_user = new_user + $5, normal = normal + $6,
    ended_at = CASE WHEN evaluated + coalesced + 1 = shards THEN now() END
WHERE tick_offset = $1
RETURNING *;
