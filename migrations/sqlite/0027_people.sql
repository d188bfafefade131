-- Search: the words of each user, folded. A query is a range of `word`.
CREATE TABLE user_words (
    word    TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_words_user ON user_words (user_id);
-- The last sign-in, to the day. NULL: none since this version.
ALTER TABLE users ADD COLUMN last_login_at INTEGER;
-- What was typed as the login, under a keyed hash; why an attempt failed; when a folded event last happened.
-- NULL in events of other kinds and of earlier versions.
ALTER TABLE audit_events ADD COLUMN login_ref BLOB;
ALTER TABLE audit_events ADD COLUMN reason TEXT;
ALTER TABLE audit_events ADD COLUMN last_at INTEGER;
CREATE INDEX audit_events_login ON audit_events (login_ref, id) WHERE login_ref IS NOT NULL;
CREATE INDEX audit_events_address ON audit_events (address, id);
CREATE INDEX audit_events_client ON audit_events (client_id, id);
CREATE INDEX audit_events_kind ON audit_events (kind, id) WHERE kind <> 'login.succeeded';
-- Networks that an administrator unlocked. Each process clears what it counted for them in memory when the version
-- of what processes cache has risen to `version`.
CREATE TABLE unlocked_networks (
    network     TEXT    NOT NULL PRIMARY KEY,
    version     INTEGER NOT NULL,
    unlocked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Lists of the few users that are disabled or must choose a new password.
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_must_change ON users (id) WHERE must_change_password;
-- How far the words of users of earlier versions are written: the last user's id; empty when all are.
INSERT INTO meta (name, value) SELECT 'user_words', x'' WHERE NOT EXISTS (SELECT 1 FROM users);
