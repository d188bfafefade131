-- The client that administered, and the administration key it used. NULL: a user, the command line or Signet did.
ALTER TABLE audit_events ADD COLUMN actor_client_id TEXT;
ALTER TABLE audit_events ADD COLUMN actor_key_id BLOB;
-- Keys with which service clients administer, by their hashes. `scopes` and `networks` are separated by spaces; without
-- networks a key works from everywhere. `last_used_at` is exact to the minute.
CREATE TABLE admin_keys (
    id           BLOB    NOT NULL PRIMARY KEY,
    client_id    TEXT    NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    hash         BLOB    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    networks     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX admin_keys_client ON admin_keys (client_id, id);
-- When the helpdesk last reset the password or the second factors of a user: not both within a day.
CREATE TABLE helpdesk_resets (
    user_id BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    what    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, what)
) STRICT, WITHOUT ROWID;
