-- What a person has allowed a client is for one API: scopes of two APIs may have the same name. Empty
-- means the issuer itself. What was allowed before is the issuer's, so that for an API people are asked
-- once more.
ALTER TABLE consents ADD COLUMN audience TEXT NOT NULL DEFAULT '';
ALTER TABLE consents DROP CONSTRAINT consents_pkey;
ALTER TABLE consents ADD PRIMARY KEY (user_id, client_id, audience);
