-- What is older than the history is removed a few rows at a time, the oldest first: it is found by age. Rows written in
-- one transaction have the same age, so these indexes hold each age once, and grow at their end only.
CREATE INDEX message_by_age ON message (written_at);
CREATE INDEX tick_by_age ON tick (judged_at);
