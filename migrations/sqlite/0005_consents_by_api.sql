-- What a person has allowed a client is for one API: scopes of two APIs may have the same name. Empty
-- means the issuer itself. What was allowed before is the issuer's, so that for an API people are asked
-- once more.
CREATE TABLE consents_by_api (
    user_id    BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    audience   TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, client_id, audience)
) STRICT, WITHOUT ROWID;
INSERT INTO consents_by_api (user_id, client_id, scope, created_at, updated_at)
    SELECT user_id, client_id, scope, created_at, updated_at FROM consents;
DROP TABLE consents;
ALTER TABLE consents_by_api RENAME TO consents;
