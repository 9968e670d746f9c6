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

-- name: ended_cycles
-- Ended cycles, the latest time first; $2 is a bound on that time, or null.
SELECT tick_id, at, evaluated, coalesced, active, recently_messaged, dormant, new_user, normal FROM tick
WHERE verdict = 'usable' AND ended_at IS NOT NULL AND (at < $2 OR $2 IS NULL) ORDER BY at DESC LIMIT $1;

-- name: latest_named_tick
-- Of the usable ticks with this id, the one of the latest time.
SELECT ended_at IS NOT NULL AS ended, tick_id, at, evaluated, coalesced, active, recently_messaged, dormant, new_user,
       normal
FROM tick WHERE verdict = 'usable' AND tick_id = $1 ORDER BY at DESC LIMIT 1;

-- name: read_user
-- A user, the ended cycle of the latest time, and a row for each of the messages that matter then: the user's last
-- one, and the last one as of that cycle's tick. They are mostly the same, and may have been removed from the log.
WITH last_tick AS (
    SELECT tick_id, at, evaluated, coalesced, active, recently_messaged, dormant, new_user, normal FROM tick
    WHERE verdict = 'usable' AND ended_at IS NOT NULL ORDER BY at DESC LIMIT 1
)
SELECT users.user_id, users.shard, users.outcome, users.wake_at, users.first_seen, users.last_active,
       users.registered_at, users.named_at, users.last_messaged, users.name, shard.halted_reason, last_tick.*,
       log.message_id, log.content, log.segment, log.tone, log.tick_id AS message_tick_id, log.decided_at, log.status
FROM users
LEFT JOIN shard ON shard.shard = users.shard
LEFT JOIN last_tick ON true
LEFT JOIN message_log AS log ON log.user_id = users.user_id AND log.decided_at IN (
    users.last_messaged,
    (SELECT max(decided_at) FROM message WHERE message.user_id = $1 AND message.decided_at <= last_tick.at)
)
WHERE users.user_id = $1
ORDER BY log.decided_at;

-- name: read_shards
-- All shards as they stand.
SELECT * FROM shard ORDER BY shard;

-- name: read_deployment
-- What all shards agree on.
SELECT shards, tick_next, current_setting('transaction_read_only') = 'on' AS read_only FROM deployment;
