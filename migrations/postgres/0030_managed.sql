-- Objects that a configuration file declares: which source manages them, and what they were when the file was
-- applied last. `name` is the identifier of an API, the client_id of a client or the normal form of a login name.
-- An object of the same name that was made otherwise has another id and is not managed. `state` is a JSON object
-- without defaults; `reference` says where the secret comes from, `secret` is a keyed hash of it.
CREATE TABLE managed (
    kind       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    object_id  UUID   NOT NULL,
    state      TEXT   NOT NULL,
    reference  TEXT,
    secret     BYTEA,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX managed_object ON managed (object_id);
