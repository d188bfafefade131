-- Passkeys: factors of the kind 'passkey'. `public_key` is in COSE, `transports` a list separated by spaces. One
-- credential belongs to one user: the index also finds the factor that an assertion names.
ALTER TABLE factors ADD COLUMN credential_id BLOB;
ALTER TABLE factors ADD COLUMN public_key BLOB;
ALTER TABLE factors ADD COLUMN sign_count INTEGER;
ALTER TABLE factors ADD COLUMN aaguid BLOB;
ALTER TABLE factors ADD COLUMN transports TEXT;
ALTER TABLE factors ADD COLUMN backup_eligible INTEGER;
ALTER TABLE factors ADD COLUMN backed_up INTEGER;
CREATE UNIQUE INDEX factors_credential ON factors (credential_id);
