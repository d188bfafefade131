-- Mail that is still to be delivered. `sealed` holds the recipient, the language and what the text is made
-- of. `link_hash` is the hash of the link in the mail, if it has one. The id makes the Message-ID: a mail that
-- is sent twice can be recognised. `set_at` is when next_at was set, as in logout_notices.
CREATE TABLE mails (
    id         BLOB    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    user_id    BLOB    REFERENCES users (id) ON DELETE CASCADE,
    link_hash  BLOB,
    sealed     BLOB    NOT NULL,
    tries      INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    set_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mails_next ON mails (next_at);
CREATE INDEX mails_set ON mails (set_at);
CREATE INDEX mails_user ON mails (user_id) WHERE user_id IS NOT NULL;
