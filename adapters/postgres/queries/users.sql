-- name: apply_activity
-- Fold one change per user into the users, in the order of their ids: unknown users become active ones of this shard,
-- users of other shards move here and are due at once, recently messaged ones who came back become active.
-- An active user's wake time stays (lazy re-arming: no index changes). The counts tell which counters move.
-- Users wake $2 microseconds after an event, and never after one from $3 on. Where first_seen is null, it is last_active.
WITH changed AS (
    INSERT INTO users AS stored (user_id, shard, outcome, wake_at, first_seen, last_active)
    SELECT user_id, $1, 'active',
           CASE WHEN last_active < $3 THEN last_active + $2::bigint * interval '1 microsecond' ELSE 'infinity' END,
           coalesce(first_seen, last_active), last_active
    FROM unnest($4::text[], $5::timestamptz[], $6::timestamptz[]) AS given (user_id, last_active, first_seen)
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
        last_active = greatest(stored.last_active, excluded.last_active)
    -- A repeated or late event that changes nothing writes nothing.
    WHERE stored.shard <> excluded.shard
       OR excluded.last_active > stored.last_active
       OR excluded.first_seen < stored.first_seen
    RETURNING previous_shard, previous_outcome, outcome
)
SELECT previous_shard, previous_outcome, outcome, count(*) AS users
FROM changed GROUP BY previous_shard, previous_outcome, outcome;

-- name: apply_registrations
-- The same where registrations are among the changes.
WITH changed AS (
    INSERT INTO users AS stored (
        user_id, shard, outcome, wake_at, first_seen, last_active, registered_at, named_at, name
    )
    SELECT user_id, $1, 'active',
           CASE WHEN last_active < $3 THEN last_active + $2::bigint * interval '1 microsecond' ELSE 'infinity' END,
           coalesce(first_seen, last_active), last_active, registered_at, named_at, name
    FROM unnest(
        $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::text[]
    ) AS given (user_id, last_active, first_seen, registered_at, named_at, name)
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

-- name: lock_due
-- Pick who is due first (the wake time 'infinity' means never), and lock them in the order of their ids. The picked are
-- found by their place, which takes no index. One may have moved away meanwhile: what the pick asked for is asked again,
-- in one piece, so that no index can seem to help; and how many were picked comes with every row.
WITH picked AS MATERIALIZED (
    SELECT ctid AS place FROM users
    WHERE shard = $1 AND wake_at <= $2 AND wake_at < 'infinity' ORDER BY wake_at LIMIT $3
)
SELECT place, user_id, outcome, wake_at, first_seen, last_active, registered_at, name, named_at, last_messaged,
       (SELECT count(*) FROM picked) AS picked
FROM picked JOIN users ON users.ctid = place
WHERE CASE shard WHEN $1 THEN wake_at <= $2 ELSE false END
ORDER BY user_id FOR NO KEY UPDATE OF users;

-- name: is_due
-- Whether anybody is due.
SELECT EXISTS (SELECT FROM users WHERE shard = $1 AND wake_at <= $2 AND wake_at < 'infinity') AS found;

-- name: write_decisions
-- What was decided about locked users, who are still where they were.
UPDATE users
SET outcome = given.outcome, wake_at = given.wake_at, last_messaged = given.last_messaged
FROM unnest($1::tid[], $2::outcome[], $3::timestamptz[], $4::timestamptz[])
    AS given (place, outcome, wake_at, last_messaged)
WHERE users.ctid = place;

-- name: lock_not_due
-- The same for users who are not due at once, for a look at everyone under a new policy.
WITH picked AS MATERIALIZED (
    SELECT ctid AS place FROM users WHERE shard = $1 AND wake_at > '-infinity' ORDER BY wake_at LIMIT $2
)
SELECT place, (SELECT count(*) FROM picked) AS picked
FROM picked JOIN users ON users.ctid = place
WHERE CASE shard WHEN $1 THEN true ELSE false END
ORDER BY user_id FOR NO KEY UPDATE OF users;

-- name: is_not_due
-- Whether anybody is not due at once.
SELECT EXISTS (SELECT FROM users WHERE shard = $1 AND wake_at > '-infinity') AS found;

-- name: make_due
-- Locked users, to be looked at by the next tick.
UPDATE users SET wake_at = '-infinity' WHERE ctid = ANY($1::tid[]);
