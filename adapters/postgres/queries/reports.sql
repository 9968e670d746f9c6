-- name: has_users
-- Whether there is any user.
SELECT EXISTS (SELECT FROM users);

-- name: read_tick
-- What became of one record of the tick topic.
SELECT verdict, ended_at IS NOT NULL AS ended FROM tick WHERE tick_offset = $1;

-- name: halted_shards
-- Shards that wait for an operator's decision.
SELECT shard, halted_reason FROM shard WHERE halted_reason IS NOT NULL ORDER BY shard;

-- name: last_cycle
-- The ended cycle of the latest time.
SELECT tick_id, at, evaluated, coalesced, active, recently_messaged, dormant, new_user, normal FROM tick
WHERE verdict = 'usable' AND ended_at IS NOT NULL ORDER BY at DESC LIMIT 1;

-- name: read_shards
-- All shards as they stand.
SELECT * FROM shard ORDER BY shard;

-- name: read_deployment
-- What all shards agree on.
SELECT shards, tick_next FROM deployment;
