-- The names that were had before they were remembered are in the audit trail, as far as it goes back.
INSERT INTO former_clients (client_id, deleted_at)
SELECT detail, MAX(at) FROM audit_events
WHERE kind = 'client.deleted' AND detail IS NOT NULL GROUP BY detail
ON CONFLICT (client_id) DO NOTHING;
-- Whoever got such a name meanwhile was taken for the first to have it.
UPDATE clients SET name_since = (
    SELECT max(former_clients.deleted_at, clients.created_at) FROM former_clients
    WHERE former_clients.client_id = clients.client_id
)
WHERE name_since = 0 AND client_id IN (SELECT client_id FROM former_clients);
