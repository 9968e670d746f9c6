-- name: describe_server
-- Which server this is, as whom we are there, and whether it keeps what it has committed.
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS version_number,
       current_database() AS database, current_user AS role, pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off' AS durable;

-- name: missing_rights
-- What the engine's statements need and this role was not granted. To lock a row takes the right to update.
WITH schema AS (SELECT oid FROM pg_namespace WHERE nspname = 'engagement'),
needed (name, privilege) AS (
    VALUES ('deployment', 'SELECT'), ('deployment', 'UPDATE'),
           ('shard', 'SELECT'), ('shard', 'INSERT'), ('shard', 'UPDATE'),
           ('users', 'SELECT'), ('users', 'INSERT'), ('users', 'UPDATE'),
           ('move', 'SELECT'), ('move', 'INSERT'), ('move', 'DELETE'),
           ('tick', 'SELECT'), ('tick', 'INSERT'), ('tick', 'UPDATE'), ('tick', 'DELETE'),
           ('message', 'SELECT'), ('message', 'INSERT'), ('message', 'UPDATE'), ('message', 'DELETE'),
           ('message_log', 'SELECT'),
           ('outbox', 'SELECT'), ('outbox', 'INSERT'), ('outbox', 'DELETE'),
           ('schema_version', 'SELECT')
)
SELECT 'SCHEMA engagement' AS object, 'USAGE' AS privilege FROM schema WHERE NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT 'engagement.' || name, privilege FROM needed
JOIN pg_class ON relname = name AND relnamespace = (SELECT oid FROM schema)
WHERE NOT has_table_privilege(pg_class.oid, privilege)
ORDER BY 1, 2;
