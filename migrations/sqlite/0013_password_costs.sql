-- How many users have a password hash of each cost: what unknown login names are compared with follows it.
-- `class` is the kind of hash and `cost` its parameters, as they stand in the stored form. Every change of
-- users.password_hash moves these rows in the same transaction.
CREATE TABLE password_costs (
    class TEXT    NOT NULL,
    cost  TEXT    NOT NULL,
    users INTEGER NOT NULL,
    PRIMARY KEY (class, cost)
) STRICT, WITHOUT ROWID;
INSERT INTO password_costs (class, cost, users)
SELECT 'argon2id', cost, count(*) FROM (
    SELECT substr(password_hash, 16, instr(substr(password_hash, 16), '$') - 1) AS cost
    FROM users WHERE password_hash LIKE '$argon2id$v=19$%$%'
) AS hashes GROUP BY cost;
