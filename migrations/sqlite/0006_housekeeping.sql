-- Housekeeping finds what is over by an index in every table, and never reads what is not. None of
-- these columns is written by a refresh.
CREATE INDEX known_networks_seen ON known_networks (seen_at);
CREATE INDEX verifiers_last_fetch ON verifiers (last_fetch_at);
CREATE INDEX setup_links_expiry ON setup_links (expires_at);
