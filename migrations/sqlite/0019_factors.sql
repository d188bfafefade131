-- Second factors that their user has confirmed. `sealed` is the secret of a TOTP factor, bound to user and id;
-- `last_step` is the time step of the newest code that was accepted, so that none is accepted twice.
CREATE TABLE factors (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    sealed       BLOB,
    last_step    INTEGER
);
CREATE INDEX factors_user ON factors (user_id);
-- Recovery codes that were not used yet, as MACs.
CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    mac     BLOB NOT NULL,
    PRIMARY KEY (user_id, mac)
);
