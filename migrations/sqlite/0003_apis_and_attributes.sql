-- How an API's tokens look. No algorithm and no life mean the server's; claims is a JSON array.
ALTER TABLE apis ADD COLUMN signing_alg TEXT;
ALTER TABLE apis ADD COLUMN token_profile TEXT NOT NULL DEFAULT 'rfc9068';
-- Milliseconds.
ALTER TABLE apis ADD COLUMN access_token_ttl INTEGER;
ALTER TABLE apis ADD COLUMN claims TEXT NOT NULL DEFAULT '[]';
-- The secret an API with HS256 shares with the server, sealed under the master key.
ALTER TABLE apis ADD COLUMN secret_kid TEXT;
ALTER TABLE apis ADD COLUMN secret_sealed BLOB;

-- What the organisation says about its users: JSON arrays of texts, and a JSON object.
ALTER TABLE users ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN groups TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';
