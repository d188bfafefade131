-- Which networks an account lends its standing to: those it last logged in from, a fixed number of them.
-- Both columns are pseudonyms, and NULL where the account lends nothing. Rows from before lend nothing until
-- the next log-in from that network.
ALTER TABLE known_networks ADD COLUMN network BYTEA;
ALTER TABLE known_networks ADD COLUMN account BYTEA;
CREATE INDEX known_networks_network ON known_networks (network, seen_at, pseudonym) WHERE network IS NOT NULL;
CREATE INDEX known_networks_account ON known_networks (account, seen_at, pseudonym) WHERE network IS NOT NULL;
