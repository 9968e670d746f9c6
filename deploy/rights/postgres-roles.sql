-- The three roles of a deployment, made by an administrator in the deployment's own database, before `engage init`:
--
--   psql -v ON_ERROR_STOP=1 -f deploy/rights/postgres-roles.sql "postgresql://postgres@host/engagement"
--
-- owner:  runs `engage init`, and owns the schema.
-- engine: runs `engage run` and `engage check`, and lets halted shards go on. It can't change the schema.
-- reader: runs every other command, and only reads.
--
-- Other names: psql -v owner=… -v engine=… -v reader=…. The roles get no password here, where a log might keep it:
-- give them one with psql's \password. Safe to repeat.
\if :{?owner} \else \set owner engagement_owner \endif
\if :{?engine} \else \set engine engagement_engine \endif
\if :{?reader} \else \set reader engagement_reader \endif

BEGIN;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY[:'owner', :'engine', :'reader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- The database is theirs alone. A temporary table would be found before one of the schema.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO :"owner", :"engine", :"reader";
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- `engage init` says CREATE SCHEMA IF NOT EXISTS, which Postgres allows to those only who might create one.
GRANT CREATE ON DATABASE :"DBNAME" TO :"owner";
CREATE SCHEMA IF NOT EXISTS engagement AUTHORIZATION :"owner";
ALTER SCHEMA engagement OWNER TO :"owner";
GRANT USAGE ON SCHEMA engagement TO :"engine", :"reader";

-- What a later migration adds can be used at once; postgres-grants.sql then makes it exact.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA engagement
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"engine";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA engagement GRANT SELECT ON TABLES TO :"reader";

ALTER ROLE :"owner" IN DATABASE :"DBNAME" SET search_path = engagement;
ALTER ROLE :"engine" IN DATABASE :"DBNAME" SET search_path = engagement;
ALTER ROLE :"reader" IN DATABASE :"DBNAME" SET search_path = engagement;
-- A migration waits for nobody for long, since everybody waits behind it; what it does may take its time.
ALTER ROLE :"owner" IN DATABASE :"DBNAME" SET lock_timeout = '10s';
ALTER ROLE :"owner" IN DATABASE :"DBNAME" SET statement_timeout = '30min';
ALTER ROLE :"owner" IN DATABASE :"DBNAME" SET idle_in_transaction_session_timeout = '1min';
-- The engine asks for the same by itself; this is for everybody else who uses its role.
ALTER ROLE :"engine" IN DATABASE :"DBNAME" SET lock_timeout = '10s';
ALTER ROLE :"engine" IN DATABASE :"DBNAME" SET statement_timeout = '20s';
ALTER ROLE :"engine" IN DATABASE :"DBNAME" SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE :"reader" IN DATABASE :"DBNAME" SET lock_timeout = '5s';
ALTER ROLE :"reader" IN DATABASE :"DBNAME" SET statement_timeout = '20s';
ALTER ROLE :"reader" IN DATABASE :"DBNAME" SET idle_in_transaction_session_timeout = '5s';

COMMIT;
