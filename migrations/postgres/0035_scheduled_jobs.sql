-- Jobs that run on a schedule: when each was first tried, last succeeded and failed, and the process that runs it now,
-- until `held_until`.
CREATE TABLE scheduled_jobs (
    name         TEXT   NOT NULL PRIMARY KEY,
    tried_since  BIGINT,
    succeeded_at BIGINT,
    failed_at    BIGINT,
    holder       UUID,
    held_until   BIGINT
);
