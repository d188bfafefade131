-- Whether the next sign-in begins with a new password.
ALTER TABLE users ADD COLUMN must_change_password BOOLEAN NOT NULL DEFAULT false;
-- Since when a second factor follows the password. Null where the password is enough.
ALTER TABLE users ADD COLUMN second_factor_since BIGINT;
