-- Whether the cookie of a sign-in at the pages outlives the browser.
ALTER TABLE browser_sessions ADD COLUMN persistent BOOLEAN NOT NULL DEFAULT false;
-- The logo of a client, apart from its settings: those are kept in memory by every process. `hash` is in the address
-- of the picture.
CREATE TABLE client_logos (
    client_id  TEXT   NOT NULL PRIMARY KEY REFERENCES clients (client_id) ON DELETE CASCADE,
    hash       TEXT   NOT NULL,
    media_type TEXT   NOT NULL,
    bytes      BYTEA   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX client_logos_hash ON client_logos (hash);
