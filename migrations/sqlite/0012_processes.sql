-- The servers that work on this database: what runs, and the settings that clients can notice. Each writes
-- its row every ten seconds; the rows of those that have ended are removed. Settings are a JSON object.
CREATE TABLE processes (
    id           BLOB    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    schema_known INTEGER NOT NULL,
    settings     TEXT    NOT NULL,
    clock_offset INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    beat_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When a published key signs by an administrator's order, instead of when verifiers have had time to fetch it.
ALTER TABLE signing_keys ADD COLUMN signs_at INTEGER;

-- When next_at was set: a clock that is set back before that time must not put a notice off any further.
ALTER TABLE logout_notices ADD COLUMN set_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX logout_notices_set ON logout_notices (set_at);

-- Events of expired sessions are as many as log-ins, and are kept for a shorter time than others.
CREATE INDEX audit_events_expired ON audit_events (id) WHERE kind = 'session.expired';
