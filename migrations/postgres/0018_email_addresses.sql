-- The e-mail address of a user, as typed and in the normal form that two spellings of it share. Only an address
-- with a time of verification is told to clients, receives mail or signs in.
ALTER TABLE users ADD COLUMN email TEXT;
ALTER TABLE users ADD COLUMN email_key TEXT;
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;
CREATE INDEX users_email ON users (email_key);
-- Who owns a verified address. An address that is not verified has no row, so that it keeps no one from
-- verifying it.
CREATE TABLE email_owners (
    email_key TEXT NOT NULL PRIMARY KEY,
    user_id   UUID NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE
);
-- A login that looks like an address becomes an address that is not verified. One with a wide @ is not in a form
-- that mail can be sent to; its normal form is.
UPDATE users SET email = CASE WHEN login LIKE '%@%' THEN login ELSE login_key END, email_key = login_key
WHERE login_key LIKE '%@%';
