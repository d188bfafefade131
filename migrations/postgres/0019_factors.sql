-- Second factors that their user has confirmed. `sealed` is the secret of a TOTP factor, bound to user and id;
-- `last_step` is the time step of the newest code that was accepted, so that none is accepted twice.
CREATE TABLE factors (
    id           UUID   NOT NULL PRIMARY KEY,
    user_id      UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    sealed       BYTEA,
    last_step    BIGINT
);
CREATE INDEX factors_user ON factors (user_id);
-- Recovery codes that were not used yet, as MACs.
CREATE TABLE recovery_codes (
    user_id UUID  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    mac     BYTEA NOT NULL,
    PRIMARY KEY (user_id, mac)
);
