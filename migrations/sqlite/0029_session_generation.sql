-- How often the sessions and sign-ins of every user were ended at once. It counts into the epoch of each user: the
-- epoch in a session, a sign-in or a code is `users.session_epoch` plus this number, and neither of them ever falls.
CREATE TABLE session_generation (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO session_generation (id, generation) VALUES (1, 0);

-- How often all sessions of a client were ended at once, and when that was last. A client without a row: never. A
-- session of another generation than its client has ended. Rows stay when a client is deleted.
CREATE TABLE client_session_ends (
    client_id  TEXT    NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE sessions ADD COLUMN client_generation INTEGER NOT NULL DEFAULT 0;

-- Sessions of one client are listed and counted without reading those of others.
CREATE INDEX sessions_client ON sessions (client_id, coalesce(sid, id));

-- Sessions that ended with a generation, while their clients are still to be written into `logout_notices`, a few
-- hundred at a time. `generation` is the one that ended: of the client `client_id`, or of all where it is NULL. `after`
-- is the row of `sessions` that was read last.
CREATE TABLE logout_walks (
    id         BLOB    NOT NULL PRIMARY KEY,
    client_id  TEXT,
    generation INTEGER NOT NULL,
    after      BLOB,
    ended_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The events of one session are found without reading others.
CREATE INDEX audit_events_session ON audit_events (session_id, id) WHERE session_id IS NOT NULL;
