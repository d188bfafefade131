-- Identifiers that an API had which was deleted. An API that is registered under such an identifier again is
-- a new API: what was given for the identifier before `name_since` is not for it. An identifier that no API
-- had before begins at 0, whatever the clock said when the API was registered.
CREATE TABLE former_apis (
    identifier TEXT    NOT NULL PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE apis ADD COLUMN name_since INTEGER NOT NULL DEFAULT 0;
-- Deletions from before this table are in the audit trail, as far as it goes back.
INSERT INTO former_apis (identifier, deleted_at)
SELECT detail, MAX(at) FROM audit_events
WHERE kind = 'api.deleted' AND detail IS NOT NULL GROUP BY detail
ON CONFLICT (identifier) DO NOTHING;
UPDATE apis SET name_since = (
    SELECT max(former_apis.deleted_at, apis.created_at) FROM former_apis
    WHERE former_apis.identifier = apis.identifier
)
WHERE identifier IN (SELECT identifier FROM former_apis);
