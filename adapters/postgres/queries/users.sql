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
-- in one piece, so that no index can seem to help.
-- Active ones who were active after $4 still are: their wake time follows their last activity, and only the others are
-- worth the way to the engine. $5 and $6 are $2 and $3 of apply_activity. One row comes at least, with how many were
-- picked, and how many of them woke for nothing.
WITH picked AS MATERIALIZED (
    SELECT ctid AS place FROM users
    WHERE shard = $1 AND wake_at <= $2 AND wake_at < 'infinity' ORDER BY wake_at LIMIT $3
),
locked AS MATERIALIZED (
    SELECT place, user_id, outcome, wake_at, first_seen, last_active, registered_at, name, named_at, last_messaged,
           outcome = 'active' AND last_active > $4 AS still_active
    FROM picked JOIN users ON users.ctid = place
    WHERE CASE shard WHEN $1 THEN wake_at <= $2 ELSE false END
    ORDER BY user_id FOR NO KEY UPDATE OF users
),
followed AS (
    UPDATE users
    SET wake_at = CASE
        WHEN locked.last_active < $6 THEN locked.last_active + $5::bigint * interval '1 microsecond'
        ELSE 'infinity'
    END
    FROM locked WHERE users.ctid = place AND still_active
    RETURNING users.shard
),
counted AS (
    SELECT (SELECT count(*) FROM picked) AS picked, (SELECT count(*) FROM followed) AS followed
)
SELECT place, user_id, outcome, wake_at, first_seen, last_active, registered_at, name, named_at, last_messaged,
       counted.picked, counted.followed
FROM counted LEFT JOIN locked ON NOT still_active;

-- name: write_skipped
-- What was decided about locked users who get no message. They are still where they were.
UPDATE users
SET outcome = given.outcome, wake_at = given.wake_at
FROM unnest($1::tid[], $2::outcome[], $3::timestamptz[]) AS given (place, outcome, wake_at)
WHERE users.ctid = place;

-- name: write_messaged
-- The same about those who get one, and so are all alike.
UPDATE users SET outcome = 'recently_messaged', last_messaged = $2, wake_at = $3 WHERE ctid = ANY($1::tid[]);

-- name: make_due
-- Make users who are not due at once due at once, for a look at everyone under a new policy. They are picked and locked as
-- above, and one row comes with how many were picked.
WITH picked AS MATERIALIZED (
    SELECT ctid AS place FROM users WHERE shard = $1 AND wake_at > '-infinity' ORDER BY wake_at LIMIT $2
),
locked AS MATERIALIZED (
    SELECT place FROM picked JOIN users ON users.ctid = place
    WHERE CASE shard WHEN $1 THEN true ELSE false END
    ORDER BY user_id FOR NO KEY UPDATE OF users
),
made AS (UPDATE users SET wake_at = '-infinity' FROM locked WHERE users.ctid = place)
SELECT count(*) AS picked FROM picked;
