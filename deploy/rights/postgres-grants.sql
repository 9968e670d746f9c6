-- Exactly what engine and reader need of the tables that there are, granted by the owner after `engage init`:
--
--   psql -v ON_ERROR_STOP=1 -f deploy/rights/postgres-grants.sql "postgresql://engagement_owner@host/engagement"
--
-- Repeat it after a later `engage init` that has applied migrations. Other names: psql -v engine=… -v reader=….
\if :{?engine} \else \set engine engagement_engine \endif
\if :{?reader} \else \set reader engagement_reader \endif

BEGIN;
SET LOCAL search_path TO engagement;

REVOKE ALL ON ALL TABLES IN SCHEMA engagement FROM :"engine", :"reader";

-- To lock a row takes the right to update it.
GRANT SELECT, UPDATE ON deployment TO :"engine";
GRANT SELECT, INSERT, UPDATE ON shard, users TO :"engine";
-- Rows that are done with, and what is older than ENGAGEMENT_HISTORY_DAYS.
GRANT SELECT, INSERT, DELETE ON move, outbox TO :"engine";
GRANT SELECT, INSERT, UPDATE, DELETE ON tick, message TO :"engine";
GRANT SELECT ON message_log, schema_version TO :"engine";

GRANT SELECT ON deployment, shard, users, tick, message, message_log TO :"reader";

COMMIT;
