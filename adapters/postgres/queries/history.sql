-- name: remove_messages
-- Up to $2 rows of the message log that are older than $1. Another worker at the same work takes others.
DELETE FROM message WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM message WHERE written_at < now() - $1::interval ORDER BY written_at LIMIT $2
    FOR UPDATE SKIP LOCKED));

-- name: remove_ticks
-- Up to $2 verdicts that are older than $1; of a usable tick, the age counts from the end of its cycle.
DELETE FROM tick WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM tick
    WHERE judged_at < now() - $1::interval AND (verdict <> 'usable' OR ended_at < now() - $1::interval)
    ORDER BY judged_at LIMIT $2 FOR UPDATE SKIP LOCKED));
