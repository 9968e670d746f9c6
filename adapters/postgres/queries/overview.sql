-- name: overview
-- The deployment at a glance, with the ended cycle of the latest time.
SELECT shards, tick_next, tick_latest, (SELECT count(*) FROM shard WHERE halted_reason IS NOT NULL) AS halted_shards,
       last.at, last.judged_at, last.ended_at
FROM deployment LEFT JOIN LATERAL (
    SELECT at, judged_at, ended_at FROM tick WHERE verdict = 'usable' AND ended_at IS NOT NULL ORDER BY at DESC LIMIT 1
) AS last ON true;
