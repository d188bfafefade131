-- Names that a client had which is gone. Whoever gets such a name again is another client, and only what
-- is younger than `name_since` is its own; a name nobody had before begins at 0, whatever the clock
-- said when it was given.
CREATE TABLE former_clients (
    client_id  TEXT   NOT NULL PRIMARY KEY,
    deleted_at BIGINT NOT NULL
);
ALTER TABLE clients ADD COLUMN name_since BIGINT NOT NULL DEFAULT 0;
UPDATE clients SET name_since = created_at;
