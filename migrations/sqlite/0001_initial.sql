-- The first schema. Times are milliseconds since the epoch; ids are UUIDs of 16 bytes, made by the
-- server. Applied files are never edited: a change is a new file of the same name in both folders.

-- Facts about this database: the sealed check value of the master key, the cache version.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- A number that rises with every change of clients, APIs or keys; every process polls it.
CREATE TABLE cache_version (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO cache_version (id, version) VALUES (1, 0);

CREATE TABLE users (
    id                  BLOB    NOT NULL PRIMARY KEY,
    login               TEXT    NOT NULL,
    login_key           TEXT    NOT NULL UNIQUE,
    login_skeleton      TEXT    NOT NULL,
    name                TEXT,
    role                TEXT    NOT NULL,
    password_hash       TEXT,
    session_epoch       INTEGER NOT NULL,
    disabled_at         INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    password_changed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX users_role ON users (role);

-- One row for each confusable skeleton in use. A login with non-ASCII characters takes its skeleton
-- exclusively; all-ASCII logins share theirs. The guarded upsert on this row is what makes two
-- look-alikes impossible, whoever races.
CREATE TABLE login_skeletons (
    skeleton  TEXT    NOT NULL PRIMARY KEY,
    exclusive INTEGER NOT NULL,
    users     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each session, however often it refreshes. No index holds a column a refresh writes.
CREATE TABLE sessions (
    id              BLOB    NOT NULL PRIMARY KEY,
    user_id         BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id       TEXT    NOT NULL,
    audience        TEXT,
    scope           TEXT    NOT NULL,
    current         INTEGER NOT NULL,
    parent          INTEGER,
    answered_at     INTEGER NOT NULL,
    supersedes      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    revoked_at      INTEGER,
    revoked_reason  TEXT,
    user_epoch      INTEGER NOT NULL,
    dpop_jkt        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- What the session row does not need on the hot path.
CREATE TABLE session_devices (
    session_id BLOB NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    user_agent TEXT NOT NULL,
    address    TEXT
) STRICT, WITHOUT ROWID;

-- Private keys, sealed under the master key.
CREATE TABLE signing_keys (
    kid        TEXT    NOT NULL PRIMARY KEY,
    alg        TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    public_jwk TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    state_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The keys that vouch for refresh tokens, sealed likewise.
CREATE TABLE refresh_keys (
    version    INTEGER NOT NULL PRIMARY KEY,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE apis (
    id         BLOB    NOT NULL PRIMARY KEY,
    identifier TEXT    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened. `fold` is set for events that fold into one row a minute.
CREATE TABLE audit_events (
    id         BLOB    NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    via        TEXT    NOT NULL,
    actor_id   BLOB,
    user_id    BLOB,
    session_id BLOB,
    address    TEXT,
    request_id TEXT    NOT NULL,
    detail     TEXT,
    fold       BLOB    UNIQUE,
    times      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Counters of failed log-ins, under pseudonyms of login and network.
CREATE TABLE login_limits (
    pseudonym BLOB    NOT NULL PRIMARY KEY,
    tries     INTEGER NOT NULL,
    ends_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_limits_end ON login_limits (ends_at);

-- Networks an account has logged in from, under a pseudonym of both.
CREATE TABLE known_networks (
    pseudonym BLOB    NOT NULL PRIMARY KEY,
    seen_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One-time links for the first administrator, by the hash of their secret.
CREATE TABLE setup_links (
    hash       BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
