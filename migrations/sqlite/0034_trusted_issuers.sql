-- Issuers whose tokens workloads may present. `jwks` is a JSON list of keys, NULL where they are fetched by discovery.
-- `algs` and `networks` are separated by spaces: without algorithms all are accepted that the server verifies, without
-- networks the host of the issuer has public addresses only. `max_life` is in milliseconds.
CREATE TABLE trusted_issuers (
    name       TEXT    NOT NULL PRIMARY KEY,
    issuer     TEXT    NOT NULL UNIQUE,
    preset     TEXT    NOT NULL,
    jwks       TEXT,
    algs       TEXT    NOT NULL,
    max_life   INTEGER NOT NULL,
    networks   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
