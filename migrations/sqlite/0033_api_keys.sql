-- The scopes of an API that users may give their API keys, separated by spaces; without any the API takes no keys.
ALTER TABLE apis ADD COLUMN key_scopes TEXT NOT NULL DEFAULT '';
-- API keys of users, by their hashes. `scopes` and `networks` are separated by spaces; without networks a key works from
-- everywhere. `user_epoch` is the epoch of the user in which the key was made, `last_used_hour` the beginning of an hour
-- in milliseconds. A key that was revoked stays for a while, so that its last use can be seen.
CREATE TABLE api_keys (
    id             BLOB    NOT NULL PRIMARY KEY,
    user_id        BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash           BLOB    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    audience       TEXT    NOT NULL,
    scopes         TEXT    NOT NULL,
    networks       TEXT    NOT NULL,
    user_epoch     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    last_used_hour INTEGER,
    revoked_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_user ON api_keys (user_id, id);
