-- Requests a decision from Signet, and stores the response in variables of the transaction.
local question = "http://127.0.0.1:8484/v1/forward-auth?audience=https://api.example.com&scope=orders:read"

core.register_action("signet", { "http-req" }, function(txn)
  local sent = txn.http:req_get_headers()["authorization"]
  local headers = {}
  if sent then
    -- All values: Signet refuses a request with two.
    headers["authorization"] = {}
    for index = 0, #sent do
      headers["authorization"][index + 1] = sent[index]
    end
  end
  -- HAProxy makes four attempts in total, so that a request waits for at most 2 s.
  local answer = core.httpclient():get({ url = question, headers = headers, timeout = 500 })
  local function header(name)
    local values = answer and answer.headers and answer.headers[name]
    return values and values[0] or ""
  end
  txn:set_var("txn.signet_status", answer and answer.status or 0)
  txn:set_var("txn.signet_challenge", header("www-authenticate"))
  for _, name in ipairs({ "identity", "subject", "client", "scope", "roles" }) do
    txn:set_var("txn.signet_" .. name, header("signet" .. name))
  end
end)
