//! Keys that the RFCs print, and one that no RFC and no library would make any more.
//!
//! Owns test material only. Every private key here is public knowledge.

/// PKCS#8 in base64 of an RSA key with 1024 bits, made for the tests that refuse it.
pub const SHORT_RSA: &str = "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAOArTPX3AknF1zvfhKOSJAMACOmjzmbmSB/j\
    GnjLzVfV+9DPoce7gK6aLjTTfpymAz+amc39OL8PcAOzghB3wtlNxA2jkNKwACDhmUiOfnETvHMjyxnDouXZ\
    RyQ275RkknY5SCEgwS5j1IgnYhabt1WTmzC3V24hR21fo+o2aXGNAgMBAAECgYBereszd8BfqE/f2egLrg3H\
    tpwNEkJ684hC74ievHVeQ+K3rvqFgYw4MqaRaUJwpy14D7QmbG0rRTnqVkb47Zw9oUm38nAlCNtizv1VR+q2\
    TYrMxgPZIl0wt6ful667rrhjPgUrew45KtMqCHv0sNoNjSnVSDb14st4XB6Z/NmTgQJBAPZ5hLRU5VHEIpMf\
    AzLcWDxfoDmBXdOzJGFisF3OBiIBENn38vv4e7GgRWeWwye0Y7SKUluhEhj4TOw8GXCL4zMCQQDo1RqUTSvh\
    CsHWBevubSNFcnsoSNqos4Aqa6VGqKCh+bOXwzfod7czID0qlAI+TrlHBnzSkpEQ4ROnk7VKkVg/AkEA2wU+\
    /HRYVyGAS9YKJJ8TNYsQOSmRM/cDxBpLeQAECSGDVP31iRzU5hHyusuI3fZ5h0xHRS9Lgq7axC3fuVhFawJA\
    Z/2eRHR/T6D1WDkG2lPGeCMcnK6FcunRKaEwjXGNZSrYqsTXeK3Xli8lAppesiOJHw7nu0kZH7fXhnYzd52Z\
    EwJAMgbKam23jV4acx7eQ8BZ5YfeDhZO99XnxgNiymLQ03pUDt596pDdsi2Zb9bk94PXkAvwUifC2Zc6Wic5\
    NMpKfw==";

/// The modulus of the RSA key of RFC 7517 appendix A.2 and RFC 7638 §3.1.
pub const RFC_7517_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\
    oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
    YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr\
    dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK\
    nqDKgw";

/// The private key of RFC 8037 appendix A.1.
pub const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

/// The public key of RFC 8037 appendix A.2.
pub const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// The token of RFC 8037 appendix A.4.
pub const RFC_8037_EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7\
    -09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
