-- The scopes a client requested, where they are more than it was granted: a refresh may repeat them.
-- Null for a session that was granted all it requested, and for one that is older than the column.
ALTER TABLE sessions ADD COLUMN asked_scope TEXT;
