-- name: apply_activity
-- Fold one change per user into the users, in the order of their ids: unknown users become active ones of this shard,
-- users of other shards move here and are due at once, recently messaged ones who came back become active.
-- An active user's wake time stays (lazy re-arming: no index changes). The counts tell which counters move.
WITH changed AS (
    INSERT INTO users AS stored (
        user_id, shard, outcome, wake_at, first_seen, last_active, registered_at, named_at, name
    )
    SELECT user_id, $1, 'active', wake_at, first_seen, last_active, registered_at, named_at, name
    FROM unnest(
        $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
        $8::text[]
    ) AS given (user_id, wake_at, first_seen, last_active, registered_at, named_at, name)
    ORDER BY user_id COLLATE "C"
    ON CONFLICT (user_id) DO UPDATE
    SET previous_shard = stored.shard,
        previous_outcome = stored.outcome,
        shard = excluded.shard,
        outcome = CASE WHEN excluded.last_active > stored.last_active THEN 'active' ELSE stored.outcome END,
        wake_at = CASE
            WHEN stored.shard <> excluded.shard THEN '-infinity'
            WHEN stored.outcome = 'recently_messaged' AND excluded.last_active > stored.last_active
                THEN excluded.wake_at
            ELSE stored.wake_at
        END,
        first_seen = least(stored.first_seen, excluded.first_seen),
        last_active = greatest(stored.last_active, excluded.last_active),
        registered_at = least(stored.registered_at, excluded.registered_at),
        name = CASE
            WHEN (excluded.named_at, excluded.name) > (stored.named_at, stored.name) OR stored.named_at IS NULL
                THEN excluded.name
            ELSE stored.name
        END,
        named_at = greatest(stored.named_at, excluded.named_at)
    -- A repeated or late event that changes nothing writes nothing.
    WHERE stored.shard <> excluded.shard
       OR excluded.last_active > stored.last_active
       OR excluded.first_seen < stored.first_seen
       OR excluded.registered_at < stored.registered_at
       OR (excluded.named_at IS NOT NULL AND stored.named_at IS NULL)
       OR (excluded.named_at, excluded.name) > (stored.named_at, stored.name)
    RETURNING previous_shard, previous_outcome, outcome
)
SELECT previous_shard, previous_outcome, outcome, count(*) AS users
FROM changed GROUP BY previous_shard, previous_outcome, outcome;

-- name: pick_due
-- Who is due first. The wake time 'infinity' means never.
SELECT user_id FROM users
WHERE shard = $1 AND wake_at <= $2 AND wake_at < 'infinity' ORDER BY wake_at LIMIT $3;

-- name: lock_due
-- Lock the picked users in the order of their ids; one may have moved away since the pick.
SELECT user_id, outcome, wake_at, first_seen, last_active, registered_at, name, named_at, last_messaged FROM users
WHERE user_id = ANY($1::text[]) AND shard = $2 AND wake_at <= $3 ORDER BY user_id FOR NO KEY UPDATE;

-- name: write_decisions
-- What was decided about locked users.
UPDATE users
SET outcome = given.outcome, wake_at = given.wake_at, last_messaged = given.last_messaged
FROM unnest($1::text[], $2::outcome[], $3::timestamptz[], $4::timestamptz[])
    AS given (user_id, outcome, wake_at, last_messaged)
WHERE users.user_id = given.user_id;

-- name: pick_not_due
-- Users of the shard who are not due at once, for a look at everyone under a new policy.
SELECT user_id FROM users WHERE shard = $1 AND wake_at > '-infinity' ORDER BY wake_at LIMIT $2;

-- name: lock_of_shard
-- Lock the picked users in the order of their ids.
SELECT user_id FROM users WHERE user_id = ANY($1::text[]) AND shard = $2 ORDER BY user_id FOR NO KEY UPDATE;

-- name: make_due
-- Locked users, to be looked at by the next tick.
UPDATE users SET wake_at = '-infinity' WHERE user_id = ANY($1::text[]) AND shard = $2;
