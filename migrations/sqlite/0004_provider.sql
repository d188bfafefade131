-- The provider: clients that are not ours, what people allowed them, and what is under way.

-- Registered clients. Read whole and kept in memory by every process; nothing is ever looked for by
-- a setting, so the settings are one JSON object. `secrets` holds hashes, never a secret.
CREATE TABLE clients (
    id          BLOB    NOT NULL PRIMARY KEY,
    client_id   TEXT    NOT NULL UNIQUE,
    settings    TEXT    NOT NULL,
    secrets     TEXT    NOT NULL,
    disabled_at INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A person's log-in at Signet's own pages in one browser, by the hash of the cookie.
CREATE TABLE browser_sessions (
    id         BLOB    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE,
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_epoch INTEGER NOT NULL,
    auth_time  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER,
    user_agent TEXT    NOT NULL,
    address    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX browser_sessions_user ON browser_sessions (user_id, id);
CREATE INDEX browser_sessions_expiry ON browser_sessions (expires_at);

-- What a person has allowed a client, for good.
CREATE TABLE consents (
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
) STRICT, WITHOUT ROWID;

-- Authorization codes by their hash. `flow` makes one request give one code, however often its form
-- is sent; `session_id` is what the code gave, so that a second redemption can end it.
CREATE TABLE authorization_codes (
    hash        BLOB    NOT NULL PRIMARY KEY,
    flow        BLOB    NOT NULL UNIQUE,
    user_id     BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    grants      TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    redeemed_at INTEGER,
    session_id  BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);

-- Devices that wait for somebody to type their code (RFC 8628).
CREATE TABLE device_codes (
    hash        BLOB    NOT NULL PRIMARY KEY,
    user_code   TEXT    NOT NULL UNIQUE,
    client_id   TEXT    NOT NULL,
    asked       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    user_id     BLOB REFERENCES users (id) ON DELETE CASCADE,
    grants      TEXT,
    pause       INTEGER NOT NULL,
    polled_at   INTEGER,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_codes_expiry ON device_codes (expires_at);

-- Authorization requests a client has pushed (RFC 9126), by the hash of their name.
CREATE TABLE pushed_requests (
    hash       BLOB    NOT NULL PRIMARY KEY,
    client_id  TEXT    NOT NULL,
    params     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pushed_requests_expiry ON pushed_requests (expires_at);

-- Ids that count once: of client assertions and DPoP proofs that came, of tokens without a session
-- that were revoked. By a hash that says which.
CREATE TABLE spent_ids (
    hash       BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_ids_expiry ON spent_ids (expires_at);

-- Clients that are yet to be told that a session has ended (OpenID Connect Back-Channel Logout).
CREATE TABLE logout_notices (
    id         BLOB    NOT NULL PRIMARY KEY,
    client_id  TEXT    NOT NULL,
    user_id    BLOB    NOT NULL,
    session_id BLOB    NOT NULL,
    tries      INTEGER NOT NULL,
    next_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_notices_next ON logout_notices (next_at);

-- How a session was opened: the grant; none at /v1. Who authenticated when, in which browser, and
-- which claims the client asked for by name.
ALTER TABLE sessions ADD COLUMN grant_type TEXT;
ALTER TABLE sessions ADD COLUMN auth_time INTEGER;
ALTER TABLE sessions ADD COLUMN browser_id BLOB;
ALTER TABLE sessions ADD COLUMN asked_claims TEXT;
CREATE INDEX sessions_browser ON sessions (browser_id) WHERE browser_id IS NOT NULL;

-- A person's events are looked for without reading everybody's.
CREATE INDEX audit_events_user ON audit_events (user_id, id);
