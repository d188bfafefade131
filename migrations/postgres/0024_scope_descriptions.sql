-- What the scopes of an API mean, in words for users: a JSON object of texts by the names of scopes.
ALTER TABLE apis ADD COLUMN scope_descriptions TEXT NOT NULL DEFAULT '{}';
