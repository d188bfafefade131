-- Clients that describe themselves: their client_id is the https address of a document (Client ID Metadata Document).
-- `documents` counts the changes of client_documents: a process reads the rows of later versions only.
ALTER TABLE cache_version ADD COLUMN documents BIGINT NOT NULL DEFAULT 0;
-- Whether such clients may have tokens for an API.
ALTER TABLE apis ADD COLUMN documents BOOLEAN NOT NULL DEFAULT false;
-- What the document said when a user consented, by its hash. NULL: the client is registered.
ALTER TABLE consents ADD COLUMN document TEXT;
-- The newest good copy of each document. `content` is what counts of it, NULL where an administrator has blocked the
-- client before there was a copy. `confirmed_at`: when its host last said that the copy is the present one.
-- `authorized_at`: when a user last let the client in, exact to the day; copies without one are removed soon.
CREATE TABLE client_documents (
    id            UUID    NOT NULL PRIMARY KEY,
    client_id     TEXT    NOT NULL UNIQUE,
    content       TEXT,
    etag          TEXT,
    confirmed_at  BIGINT  NOT NULL,
    fresh_until   BIGINT  NOT NULL,
    failed_at     BIGINT,
    failure       TEXT,
    authorized_at BIGINT,
    blocked_at    BIGINT,
    version       BIGINT  NOT NULL
);
CREATE INDEX client_documents_version ON client_documents (version);
CREATE INDEX client_documents_unauthorized ON client_documents (confirmed_at) WHERE authorized_at IS NULL AND blocked_at IS NULL;
CREATE INDEX client_documents_authorized ON client_documents (authorized_at) WHERE blocked_at IS NULL;
