-- works with engines from 2 on
-- How far a cycle under way is, for those who watch it: no decision depends on it. Older engines leave both alone.
ALTER TABLE shard ADD COLUMN tick_due bigint NOT NULL DEFAULT 0, ADD COLUMN tick_since timestamptz;
COMMENT ON COLUMN shard.tick_due IS 'due users dealt with so far of the tick begun last, the one before tick_cursor';
COMMENT ON COLUMN shard.tick_since IS 'when that tick was begun';
