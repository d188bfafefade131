-- What was wrong with requests of registered clients, for `signet client why`. `code` and `detail` tell the
-- findings of a client apart; a client has a bounded number of each code, and what is over that is counted in
-- the row without a detail. Written by a job, some seconds after the requests.
CREATE TABLE client_findings (
    client_id TEXT    NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    code      TEXT    NOT NULL,
    endpoint  TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    times     INTEGER NOT NULL,
    first_at  INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    PRIMARY KEY (client_id, code, endpoint, detail)
) STRICT, WITHOUT ROWID;
