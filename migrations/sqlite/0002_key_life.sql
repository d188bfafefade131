-- The life of signing keys, and who has fetched them.

-- `state_at` says since when a key is in its state; these say when it passed the stages before.
ALTER TABLE signing_keys ADD COLUMN published_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE signing_keys ADD COLUMN activated_at INTEGER;
-- The longest life of any token the key may have signed, in milliseconds; a day where nobody knows.
ALTER TABLE signing_keys ADD COLUMN longest_ttl INTEGER NOT NULL DEFAULT 86400000;
UPDATE signing_keys SET published_at = created_at, activated_at = created_at;

-- Of each algorithm one key signs and at most one waits to: whoever comes second finds it out here.
CREATE UNIQUE INDEX signing_keys_one ON signing_keys (alg, state)
    WHERE state IN ('active', 'published');

-- Resource servers that fetch the keys, by the name they give themselves or by what they look like.
CREATE TABLE verifiers (
    name            TEXT    NOT NULL PRIMARY KEY,
    first_fetch_at  INTEGER NOT NULL,
    last_fetch_at   INTEGER NOT NULL,
    fetches         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
