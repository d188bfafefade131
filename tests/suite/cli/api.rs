//! `signet api`, beside a running server.

use std::time::Instant;

use serde_json::{Value, json};

use super::{API, PASSWORD, Place, members, text};
use crate::support::process::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_known_to_the_running_server_without_a_restart() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let args = ["api", "create", API, "--scope", "orders:read", "--scope", "orders:write"];
    let api = place.run(&args).ok().one();
    let wire = [
        "access_token_ttl",
        "claims",
        "created_at",
        "documents",
        "id",
        "identifier",
        "key_scopes",
        "scope_descriptions",
        "scopes",
        "shared_secret_kid",
        "signing_alg",
        "token_profile",
    ];
    assert_eq!(members(&api), wire);
    assert_eq!(api["scopes"], json!(["orders:read", "orders:write"]));
    assert_eq!(place.run(&["api", "list"]).ok().one(), api);
    for name in [API, text(&api, "id")] {
        assert_eq!(place.run(&["api", "show", name]).ok().one(), api);
    }
    place.run(&args).refused(5, &[API, "exists"]);
    let look_alike = place.run(&["api", "create", &format!("{API}/")]);
    look_alike.refused(5, &["differs only in", "slash at the end"]);
    place.run(&["api", "create", "orders"]).refused(2, &["identifier: "]);
    place.run(&["api", "create", "urn:x", "--scope", "signet:admin"]).refused(2, &["scopes: "]);
    place.run(&["api", "create", "http://localhost:8484"]).refused(2, &["identifier: "]);

    let body = json!({ "login": "ada", "password": PASSWORD, "audience": API });
    let deadline = Instant::now() + PATIENCE;
    let token = loop {
        let (status, tokens) = server.post("/v1/login", body.clone()).await;
        if status == 200 {
            break text(&tokens, "access_token").to_owned();
        }
        assert_eq!(text(&tokens, "code"), "invalid_target");
        assert!(Instant::now() < deadline, "not known after {PATIENCE:?}");
    };
    for args in
        [vec!["token", "verify", &token], vec!["token", "verify", &token, "--audience", API]]
    {
        assert_eq!(text(&place.run(&args).ok().one(), "aud"), API);
    }

    let gone = place.run(&["api", "delete", API, "--yes"]).ok();
    assert_eq!(gone.out, "");
    place.run(&["api", "delete", API, "--yes"]).refused(3, &[API]);
    place.run(&["api", "show", API]).refused(3, &["signet api list"]);
    place.run(&["token", "verify", &token]).refused(7, &["wrong audience", API]);
    place.run(&["token", "verify", &token, "--audience", API]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_chooses_how_its_tokens_look() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let args = [
        "api",
        "create",
        API,
        "--signing-alg",
        "RS256",
        "--token-profile",
        "jwt",
        "--access-token-ttl",
        "5m",
        "--claim",
        "roles",
        "--claim",
        "floor",
    ];
    let made = place.run(&args).ok();
    assert!(!made.err.contains("warning"), "{}", made.err);
    let api = made.one();
    assert_eq!((text(&api, "signing_alg"), text(&api, "token_profile")), ("RS256", "jwt"));
    assert_eq!(
        (&api["access_token_ttl"], &api["claims"]),
        (&json!(300), &json!(["roles", "floor"]))
    );
    let table = place.run(&["api", "show", API, "-o", "table"]).ok().out;
    assert!(table.contains("RS256  jwt      5m   roles floor"), "{table}");

    let body = json!({ "login": "ada", "password": PASSWORD, "audience": API });
    let deadline = Instant::now() + PATIENCE;
    let token = loop {
        let (status, tokens) = server.post("/v1/login", body.clone()).await;
        if status == 200 {
            break text(&tokens, "access_token").to_owned();
        }
        assert!(Instant::now() < deadline, "not known after {PATIENCE:?}");
    };
    let claims = place.run(&["token", "verify", &token]).ok().one();
    assert_eq!((text(&claims, "azp"), &claims["roles"]), ("signet", &json!(["admin"])));
    place.run(&["token", "inspect", &token]).ok();

    let hs256 = place.run(&["api", "set", API, "--signing-alg", "HS256"]).ok();
    let changed = hs256.one();
    assert_eq!(changed["claims"], json!(["roles", "floor"]), "the rest stays");
    let secret = text(&changed, "shared_secret").to_owned();
    assert_eq!(secret.len(), 43);
    assert!(!hs256.err.contains(&secret), "a secret on stderr: {}", hs256.err);
    for said in ["cannot be shown again", "warning: HS256", "PyJWKClient"] {
        assert!(hs256.err.contains(said), "{said}: {}", hs256.err);
    }
    assert!(!place.run(&["api", "list"]).ok().out.contains(&secret));
    let again = place.run(&["api", "set", API, "--new-secret", "-o", "table"]).ok();
    assert!(again.out.contains("SHARED SECRET") && !again.out.contains(&secret), "{}", again.out);
    // The server reloads by itself and signs with the new secret, and the command line reports that.
    let kid = place.run(&["api", "show", API]).ok().one()["shared_secret_kid"].clone();
    let deadline = Instant::now() + PATIENCE;
    let token = loop {
        let (_, tokens) = server.post("/v1/login", body.clone()).await;
        let token = text(&tokens, "access_token").to_owned();
        let seen = place.run(&["token", "inspect", &token]).ok().one();
        if seen["header"] == json!({"alg": "HS256", "kid": kid, "typ": "JWT"}) {
            break token;
        }
        assert!(Instant::now() < deadline, "{seen}");
    };
    assert_eq!(text(&place.run(&["token", "verify", &token]).ok().one(), "aud"), API);
    let forged = format!("{}A", &token[..token.len() - 1]);
    // The last of 43 characters has four significant bits: these two are canonical, B would not be.
    let forged = if forged == token { format!("{}E", &token[..token.len() - 1]) } else { forged };
    place.run(&["token", "verify", &forged]).refused(7, &["bad signature"]);
    place.run(&["api", "set", API, "--new-secret"]).ok();
    place.run(&["token", "verify", &token]).refused(7, &["unknown key"]);

    let reset = [
        "api",
        "set",
        API,
        "--signing-alg",
        "default",
        "--access-token-ttl",
        "default",
        "--token-profile",
        "rfc9068",
        "--no-claims",
        "--no-scopes",
    ];
    let reset = place.run(&reset).ok().one();
    for (member, value) in [
        ("signing_alg", Value::Null),
        ("access_token_ttl", Value::Null),
        ("shared_secret_kid", Value::Null),
        ("claims", json!([])),
        ("scopes", json!([])),
    ] {
        assert_eq!(reset[member], value, "{member}");
    }
    place.run(&["api", "set", API, "--new-secret"]).refused(2, &["new_secret: "]);
    place.run(&["api", "set", API, "--claim", "sub"]).refused(2, &["claims: "]);
    place.run(&["api", "set", API, "--access-token-ttl", "10s"]).refused(2, &["RETRY_WINDOW"]);
    place.run(&["api", "set", "urn:nobody", "--no-claims"]).refused(3, &["urn:nobody"]);
}

#[test]
fn scopes_are_described_in_words_and_keep_their_description() {
    let place = Place::served();
    let create = ["api", "create", API, "--scope", "orders:read=See your orders, and no others"];
    place.run(&[&create[..], &["--scope", "orders:write,stock"]].concat()).ok();
    let api = place.run(&["api", "show", API]).ok().one();
    assert_eq!(api["scopes"], json!(["orders:read", "orders:write", "stock"]));
    let described = json!({"orders:read": "See your orders, and no others"});
    assert_eq!(api["scope_descriptions"], described);
    // Removed scopes lose their descriptions, others keep theirs.
    let set = ["api", "set", API, "--scope", "orders:read", "--scope", "stock=See what is there"];
    let api = place.run(&set).ok().one();
    let both = json!({
        "orders:read": "See your orders, and no others", "stock": "See what is there",
    });
    assert_eq!(api["scope_descriptions"], both);
    let api = place.run(&["api", "set", API, "--scope", "orders:read="]).ok().one();
    assert_eq!(api["scope_descriptions"], json!({}));
    let long = format!("orders:read={}", "x".repeat(201));
    place.run(&["api", "set", API, "--scope", &long]).refused(2, &["200 printable characters"]);
    place.run(&["api", "set", API, "--scope", "=x"]).refused(2, &["a name before the ="]);
}
