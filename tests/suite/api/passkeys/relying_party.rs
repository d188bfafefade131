//! The domain and the origins that passkeys belong to.

use std::sync::Arc;

use serde_json::json;
use signet::app::startup::{OpenError, OpenPurpose, Startup};
use signet::base::{SystemClock, TimeSpan};
use signet::crypto::random::SystemEntropy;

use super::{ISSUER, MFA, add, begin, challenge, options, place_with, proceed, sign_in};
use crate::support::process::Launch;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Options, PASSWORD, Tokens, config};
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::{Backend, Server};

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_can_have_no_passkeys_offers_none() {
    let off = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", ISSUER);
    for server in
        [Server::start(Backend::Sqlite).await, off.with("SIGNET_PASSKEYS", "off").start().await]
    {
        server.register("pia").await;
        let tokens = server.login("pia").await;
        let path = "/v1/factors/passkeys/options";
        let begun = server.call_as(reqwest::Method::POST, path, &tokens.access, json!(null)).await;
        begun.is_problem(403, "feature_disabled");
        let options = server.post("/v1/login/passkey", json!({})).await;
        options.is_problem(403, "feature_disabled");
        let page = server.get("/login").await;
        assert!(!page.is(200).text.contains("passkey"), "{}", page.text);
        assert!(!page.text.contains("webauthn"));
        let app = Authenticator::enrol(&server, &tokens).await;
        let pia = Person::new(&server, "pia");
        let flow = field(&pia.get("/login").await.text, "flow");
        let fields = [("flow", &*flow), ("login", "pia"), ("password", PASSWORD)];
        let answer = pia.post("/login", &fields).await;
        let to = pia.below_base(answer.is(303).header("location"));
        assert!(to.starts_with("/login/verify"), "{to}");
        let verify = pia.get(&to).await;
        server.advance(TimeSpan::from_secs(60));
        let (flow, challenge) =
            (field(&verify.is(200).text, "flow"), field(&verify.text, "challenge"));
        let code = app.code(&server, 0);
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*code)];
        pia.post("/login/verify", &fields).await.is(303);
        let security = pia.get("/account/security").await;
        for page in [&verify, &security] {
            let text = page.is(200).text.to_lowercase();
            // Codes are explained for either kind of factor.
            let text = text.replace("the app or the passkey", "");
            assert!(!text.contains("passkey") && !text.contains("webauthn"), "{text}");
        }
        server.get("/.well-known/webauthn").await.is_problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn related_origins_use_the_same_passkeys() {
    let android = format!("android:apk-key-hash:{}", "A".repeat(43));
    let others = format!("https://example.org, {android}");
    let options = options(Backend::Sqlite)
        .with("SIGNET_RP_ID", "example.com")
        .with("SIGNET_PASSKEY_ORIGINS", &others);
    let mut place = place_with(options, false).await;
    let related = place.server.get("/.well-known/webauthn").await;
    assert_eq!(related.is(200).json(), json!({ "origins": [ISSUER, "https://example.org"] }));
    assert_eq!(related.header("content-type"), "application/json");
    for origin in [ISSUER, "https://example.org", &android] {
        origin.clone_into(&mut place.passkey.origin);
        sign_in(&place.server, &mut place.passkey).await.is(200);
    }
    "https://example.net".clone_into(&mut place.passkey.origin);
    sign_in(&place.server, &mut place.passkey).await.is_problem(401, "mfa_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_rp_id_is_confirmed_or_refused() {
    let place = place_with(options(Backend::Sqlite), false).await;
    let dir = Arc::clone(&place.server.dir);
    let (mut passkey, recovery_codes) = (place.passkey, place.recovery_codes);
    drop(place.server);
    let data = dir.path().join("data").to_str().unwrap().to_owned();
    let other = [
        ("SIGNET_DATA_DIR", &*data),
        ("SIGNET_METRICS_LISTEN", "off"),
        ("SIGNET_ISSUER", ISSUER),
        ("SIGNET_RP_ID", "example.com"),
    ];
    let other = other.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let startup = Startup {
        config: config(dir.path(), &other),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        purpose: OpenPurpose::Serve,
    };
    match startup.open().await {
        Err(OpenError::Configuration(text)) => {
            assert!(text.contains("SIGNET_RP_ID_OLD=id.example.com"), "{text}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("started with another RP ID"),
    }
    let mut launch =
        Launch::new().with("SIGNET_ISSUER", ISSUER).with("SIGNET_RP_ID", "example.com");
    launch.dir = Arc::clone(&dir);
    let refused = launch.try_start().await.err().expect("it does not start");
    assert_eq!(refused.code, Some(78), "{}", refused.text);
    assert!(refused.text.contains("SIGNET_RP_ID_OLD=id.example.com"), "{}", refused.text);
    // After one confirmation it is in force.
    let again = options(Backend::Sqlite).with("SIGNET_RP_ID", "example.com");
    let server = again.with("SIGNET_RP_ID_OLD", "id.example.com").start_in(Arc::clone(&dir)).await;
    let begun = challenge(&server).await;
    assert_eq!(begun["public_key"]["rpId"], "example.com");
    let stale = passkey.get_with(&begun["public_key"], |made| {
        "id.example.com".clone_into(&mut made.rp_id);
    });
    proceed(&server, &begun, stale).await.is_problem(401, "mfa_failed");
    drop(server);
    let server = options(Backend::Sqlite).with("SIGNET_RP_ID", "example.com").start_in(dir).await;
    // The passkey of the other RP ID cannot be used any more: a recovery code replaces it.
    let tokens = server.login("pia").await;
    begin(&server, &tokens).await.is_problem(401, "reauthentication_required");
    let body = json!({ "acr_values": MFA });
    let asked = server.call_as(reqwest::Method::POST, "/v1/step-up", &tokens.access, body).await;
    let challenge = asked.is_problem(401, "mfa_required").string("challenge");
    let code = json!({ "challenge": challenge, "code": recovery_codes[0] });
    let access = server.post("/v1/login/continue", code).await.is(200).string("access_token");
    let tokens = Tokens { access, ..tokens };
    let mut new = SoftwareAuthenticator::new(ISSUER);
    add(&server, &tokens, &mut new, json!({})).await.is(201);
    sign_in(&server, &mut new).await.is(200);
}
