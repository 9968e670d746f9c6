-- The state of the engine. Times are exact to the microsecond; 'infinity' and '-infinity' stand for the last and the
-- first moment of the years 0001 to 9999. There are no foreign keys between shard, users, move, tick and message:
-- their key locks would be taken outside the lock order (shard rows, then users by id, then tick rows by offset).

CREATE TYPE outcome AS ENUM ('active', 'recently_messaged');
CREATE TYPE segment AS ENUM ('dormant', 'new_user', 'normal');
CREATE TYPE tone AS ENUM ('playful', 'warm', 'neutral');
CREATE TYPE verdict AS ENUM ('usable', 'stale', 'unusable');

-- One row: what all shards agree on.
CREATE TABLE deployment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    shards integer NOT NULL CHECK (shards >= 0),
    tick_next bigint NOT NULL CHECK (tick_next >= 0),
    tick_latest timestamptz
);
COMMENT ON COLUMN deployment.shards IS 'number of shards: partitions of the activity topic that have progress partitions';
COMMENT ON COLUMN deployment.tick_next IS 'next offset of the tick topic to judge';
COMMENT ON COLUMN deployment.tick_latest IS 'greatest time of a usable tick so far';
INSERT INTO deployment (shards, tick_next) VALUES (0, 0);

-- One row per partition of the activity topic. Whoever writes anything of a shard locks its row first.
CREATE TABLE shard (
    shard integer PRIMARY KEY CHECK (shard >= 0),
    epoch bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT -1 CHECK (position >= -1),
    tick_cursor bigint NOT NULL CHECK (tick_cursor >= 0),
    decided bigint NOT NULL DEFAULT 0,
    confirmed bigint NOT NULL DEFAULT 0 CHECK (confirmed >= 0),
    active bigint NOT NULL DEFAULT 0 CHECK (active >= 0),
    recently_messaged bigint NOT NULL DEFAULT 0 CHECK (recently_messaged >= 0),
    policy bigint[] CHECK (array_length(policy, 1) = 4),
    begun_offset bigint,
    begun_tick_id text,
    begun_at timestamptz,
    begun_policy bigint[] CHECK (array_length(begun_policy, 1) = 4),
    begun_figures bigint[] CHECK (array_length(begun_figures, 1) = 5),
    begun_last_sequence bigint,
    halted_reason text,
    halted_at timestamptz,
    -- Nothing is published that was not decided.
    CHECK (confirmed <= decided),
    -- A tick is begun with all that is needed to end it, or not at all.
    CHECK (num_nulls(begun_offset, begun_tick_id, begun_at, begun_policy, begun_figures) IN (0, 5)),
    CHECK (begun_last_sequence IS NULL OR begun_offset IS NOT NULL),
    CHECK (begun_last_sequence <= decided),
    -- The cursor moves behind a tick when that tick is begun.
    CHECK (begun_offset < tick_cursor),
    CHECK ((halted_reason IS NULL) = (halted_at IS NULL))
) WITH (fillfactor = 20);
COMMENT ON COLUMN shard.epoch IS 'number of the current ownership; each take-over adds one';
COMMENT ON COLUMN shard.position IS 'next activity offset to read; -1: the beginning of the log';
COMMENT ON COLUMN shard.tick_cursor IS 'next tick offset to look at';
COMMENT ON COLUMN shard.policy IS
    'thresholds that the wake times were computed with, in microseconds (inactivity, message frequency, dormant, new '
    'user); null: all users have to be looked at';
COMMENT ON COLUMN shard.begun_figures IS 'users by outcome so far: active, recently_messaged, dormant, new_user, normal';
COMMENT ON COLUMN shard.begun_last_sequence IS 'the shard is done with the begun tick once this sequence is confirmed';

-- One row per user, whichever shard: that a user id exists once is what keeps a moving user from two messages.
CREATE TABLE users (
    user_id text COLLATE "C" PRIMARY KEY,
    shard integer NOT NULL,
    outcome outcome NOT NULL,
    wake_at timestamptz NOT NULL,
    first_seen timestamptz NOT NULL,
    last_active timestamptz NOT NULL,
    registered_at timestamptz,
    named_at timestamptz,
    last_messaged timestamptz,
    name text COLLATE "C",
    previous_shard integer,
    previous_outcome outcome,
    CHECK (first_seen <= last_active),
    CHECK (num_nulls(name, named_at, registered_at) IN (0, 3)),
    -- A user becomes recently_messaged only by a message.
    CHECK (outcome = 'active' OR last_messaged IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON COLUMN users.outcome IS 'what the rules say of the user until wake_at';
COMMENT ON COLUMN users.wake_at IS 'earliest moment at which the outcome can differ from the stored one';
COMMENT ON COLUMN users.name IS 'from the latest registration, that of named_at';
COMMENT ON COLUMN users.registered_at IS 'the earliest registration';
COMMENT ON COLUMN users.previous_shard IS 'the row before its last activity, for the counters; null when that made it';
-- The only index besides the key. None on a column that every event changes: all updates by activity stay HOT.
CREATE INDEX users_by_wake ON users (shard, wake_at);

-- Corrections to a shard's counters, left by the shard that took users away; the owner folds them in.
CREATE TABLE move (
    shard integer NOT NULL,
    outcome outcome NOT NULL,
    change bigint NOT NULL CHECK (change < 0)
);
CREATE INDEX move_by_shard ON move (shard);

-- One row per record of the tick topic. All shards obey the verdict, whatever their own settings.
CREATE TABLE tick (
    tick_offset bigint PRIMARY KEY,
    verdict verdict NOT NULL,
    tick_id text,
    at timestamptz,
    shards integer NOT NULL,
    evaluated integer NOT NULL DEFAULT 0,
    coalesced integer NOT NULL DEFAULT 0,
    active bigint NOT NULL DEFAULT 0,
    recently_messaged bigint NOT NULL DEFAULT 0,
    dormant bigint NOT NULL DEFAULT 0,
    new_user bigint NOT NULL DEFAULT 0,
    normal bigint NOT NULL DEFAULT 0,
    judged_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((verdict = 'unusable') = (at IS NULL) AND (at IS NULL) = (tick_id IS NULL)),
    -- Each shard is counted done once, and only in usable ticks.
    CHECK (evaluated + coalesced <= CASE verdict WHEN 'usable' THEN shards ELSE 0 END),
    CHECK ((ended_at IS NOT NULL) = (verdict = 'usable' AND evaluated + coalesced = shards))
) WITH (fillfactor = 50);
-- The time identifies the tick.
CREATE UNIQUE INDEX usable_tick_by_time ON tick (at) WHERE verdict = 'usable';

-- The message log. A user gets at most one message per tick.
CREATE TABLE message (
    user_id text COLLATE "C" NOT NULL,
    decided_at timestamptz NOT NULL,
    message_id uuid NOT NULL,
    shard integer NOT NULL,
    sequence bigint NOT NULL,
    tick_id text NOT NULL,
    segment segment NOT NULL,
    tone tone NOT NULL,
    content text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, decided_at)
);

CREATE VIEW message_log AS
SELECT message_id, user_id, content, segment, tone, tick_id, decided_at, written_at, message.shard, sequence,
       CASE WHEN sequence <= confirmed THEN 'sent' ELSE 'decided' END AS status
FROM message JOIN shard ON shard.shard = message.shard;
COMMENT ON VIEW message_log IS 'status: decided, or sent (committed to Kafka)';

-- Decided and not yet confirmed as published: the bytes of one Kafka transaction each.
CREATE TABLE outbox (
    shard integer NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    payload bytea NOT NULL,
    PRIMARY KEY (shard, sequence)
);
-- Rows live for milliseconds: compressing them would only cost time.
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
