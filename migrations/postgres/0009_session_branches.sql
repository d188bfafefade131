-- A row of `sessions` is one branch of refresh tokens. `sid` names the session it belongs to: the
-- branches that one client has in one sign-in at Signet's pages. NULL means the row's own id, so
-- that rows of earlier versions need no rewriting. No refresh writes it.
ALTER TABLE sessions ADD COLUMN sid UUID;
CREATE INDEX sessions_sid ON sessions ((coalesce(sid, id)));

-- What services that verify access tokens offline have to be told. `kind` says what `value` is: a
-- session ('sid'), an access token ('jti'), or a cut, which refuses tokens of a client ('client_id')
-- or for an API ('aud') that were issued at `cut_iat` (seconds) or before. `at` is when it was
-- written and `until` when no token it concerns can be valid any more, both in milliseconds.
CREATE TABLE revocations (
    kind    TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    cut_iat BIGINT,
    at      BIGINT NOT NULL,
    until   BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX revocations_until ON revocations (until, kind, value);

-- Users whose sessions all ended at once, while the clients of those sessions are still to be written
-- into `logout_notices`, a few hundred at a time. `epoch` is the user's epoch that ended, `after` the
-- session that was written last.
CREATE TABLE logout_fanouts (
    id       UUID    NOT NULL PRIMARY KEY,
    user_id  UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch    BIGINT NOT NULL,
    after    UUID,
    ended_at BIGINT NOT NULL
);

-- A client that does not answer must not hold up the others: each has a queue of its own.
CREATE INDEX logout_notices_client ON logout_notices (client_id, next_at);
