-- Mail that is still to be delivered. `sealed` holds the recipient, the language and what the text is made
-- of. `link_hash` is the hash of the link in the mail, if it has one. The id makes the Message-ID: a mail that
-- is sent twice can be recognised. `set_at` is when next_at was set, as in logout_notices.
CREATE TABLE mails (
    id         UUID   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    user_id    UUID    REFERENCES users (id) ON DELETE CASCADE,
    link_hash  BYTEA,
    sealed     BYTEA  NOT NULL,
    tries      BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    set_at     BIGINT NOT NULL
);
CREATE INDEX mails_next ON mails (next_at);
CREATE INDEX mails_set ON mails (set_at);
CREATE INDEX mails_user ON mails (user_id) WHERE user_id IS NOT NULL;
