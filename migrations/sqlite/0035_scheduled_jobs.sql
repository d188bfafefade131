-- Jobs that run on a schedule: when each was first tried, last succeeded and failed, and the process that runs it now,
-- until `held_until`.
CREATE TABLE scheduled_jobs (
    name         TEXT    NOT NULL PRIMARY KEY,
    tried_since  INTEGER,
    succeeded_at INTEGER,
    failed_at    INTEGER,
    holder       BLOB,
    held_until   INTEGER
) STRICT, WITHOUT ROWID;
