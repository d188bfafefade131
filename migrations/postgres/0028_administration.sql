-- The client that administered, and the administration key it used. NULL: a user, the command line or Signet did.
ALTER TABLE audit_events ADD COLUMN actor_client_id TEXT;
ALTER TABLE audit_events ADD COLUMN actor_key_id UUID;
-- Keys with which service clients administer, by their hashes. `scopes` and `networks` are separated by spaces; without
-- networks a key works from everywhere. `last_used_at` is exact to the minute.
CREATE TABLE admin_keys (
    id           UUID   NOT NULL PRIMARY KEY,
    client_id    TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    hash         BYTEA  NOT NULL UNIQUE,
    name         TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    networks     TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX admin_keys_client ON admin_keys (client_id, id);
-- When the helpdesk last reset the password or the second factors of a user: not both within a day.
CREATE TABLE helpdesk_resets (
    user_id UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    what    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (user_id, what)
);
