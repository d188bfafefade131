-- Codes and links that were mailed to users: one for each purpose and subject, so that a newer one replaces the
-- older. `subject` is a pseudonym of an address, or the id of a user. `code_mac` and `flow_hash` are null for a
-- link without a code. `sealed` is what the purpose has to know besides, such as a new address. `user_id` is null
-- until it is known whose address it is. `user_epoch` is the epoch of the user that it ends with; null where it
-- outlives the epoch. Without `sent_at` it redeems nothing.
CREATE TABLE mailed_codes (
    purpose    TEXT    NOT NULL,
    subject    BLOB    NOT NULL,
    link_hash  BLOB    NOT NULL UNIQUE,
    code_mac   BLOB,
    flow_hash  BLOB,
    sealed     BLOB    NOT NULL,
    tries      INTEGER NOT NULL,
    user_id    BLOB    REFERENCES users (id) ON DELETE CASCADE,
    user_epoch INTEGER,
    sent_at    INTEGER,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (purpose, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX mailed_codes_user ON mailed_codes (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mailed_codes_expires ON mailed_codes (expires_at);
-- The pseudonym of the account that a counter belongs to, so that all counters of an account can be cleared.
ALTER TABLE login_limits ADD COLUMN account BLOB;
CREATE INDEX login_limits_account ON login_limits (account) WHERE account IS NOT NULL;
