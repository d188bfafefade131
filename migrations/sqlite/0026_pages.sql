-- Whether the cookie of a sign-in at the pages outlives the browser.
ALTER TABLE browser_sessions ADD COLUMN persistent INTEGER NOT NULL DEFAULT 0;
-- The logo of a client, apart from its settings: those are kept in memory by every process. `hash` is in the address
-- of the picture.
CREATE TABLE client_logos (
    client_id  TEXT   NOT NULL PRIMARY KEY REFERENCES clients (client_id) ON DELETE CASCADE,
    hash       TEXT   NOT NULL,
    media_type TEXT   NOT NULL,
    bytes      BLOB   NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX client_logos_hash ON client_logos (hash);
