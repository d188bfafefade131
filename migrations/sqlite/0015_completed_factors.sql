-- The factors a user has completed, as a JSON array: [{"m":"password","at":1700000000000}]. Null where it was
-- the password alone, at `auth_time`.
ALTER TABLE sessions ADD COLUMN factors TEXT;
ALTER TABLE browser_sessions ADD COLUMN factors TEXT;
