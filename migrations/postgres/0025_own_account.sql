-- The language of mail to a user: a tag of BCP 47. NULL: the language of the request that causes the mail.
ALTER TABLE users ADD COLUMN language TEXT;
-- What a user is shown of a sign-in besides time and address: browser and system in words, the client that it was
-- for, and the methods with spaces between them. NULL in events of other kinds and of earlier versions.
ALTER TABLE audit_events ADD COLUMN browser TEXT;
ALTER TABLE audit_events ADD COLUMN client_id TEXT;
ALTER TABLE audit_events ADD COLUMN methods TEXT;
-- Login names that users have changed. Until `ends_at` no other user gets one, nor a name that looks like it.
CREATE TABLE former_logins (
    login_key      TEXT    NOT NULL PRIMARY KEY,
    login_skeleton TEXT    NOT NULL,
    is_ascii       BOOLEAN NOT NULL,
    user_id        UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ends_at        BIGINT  NOT NULL
);
CREATE INDEX former_logins_skeleton ON former_logins (login_skeleton);
CREATE INDEX former_logins_user ON former_logins (user_id, ends_at);
CREATE INDEX former_logins_end ON former_logins (ends_at, login_key);
