-- The client that a code was issued to, so that the codes of one user and client can be counted. NULL in rows of
-- earlier versions, which expire within the hour. The index also finds the rows of a user who is deleted.
ALTER TABLE authorization_codes ADD COLUMN client_id TEXT;
CREATE INDEX authorization_codes_client ON authorization_codes (user_id, client_id);
