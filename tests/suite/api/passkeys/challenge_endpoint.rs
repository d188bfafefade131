//! Passkeys at the authorization challenge endpoint.

use serde_json::json;
use signet::crypto::digest::sha256_base64url;

use super::{ISSUER, options, place_with};
use crate::support::on_both;
use crate::support::relying_party::{App, VERIFIER};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::software_authenticator::SoftwareAuthenticator;

const PATH: &str = "/oauth2/authorize-challenge";

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_the_first_or_the_second_factor() {
    on_both("passkey at the challenge endpoint", async |backend| {
        let mut place = place_with(options(backend), true).await;
        let server = &place.server;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(server, &place.root, native).await;
        let challenge = sha256_base64url(VERIFIER.as_bytes());
        let request = [
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
        ];
        let claims = async |code: &str| {
            let fields =
                [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
            let tokens = app.call(server, "/oauth2/token", &fields).await;
            let access = tokens.is(200).string("access_token");
            Tokens { access, refresh: String::new() }.claims()
        };
        // As the first factor: the options are the same for everyone.
        let begun = app.call(server, PATH, &request).await;
        let begun = begun.is(400).json();
        assert_eq!(begun["error"], "insufficient_authorization");
        assert_eq!(begun["methods"], json!(["password", "passkey"]));
        assert_eq!(begun["public_key"]["allowCredentials"], json!([]));
        let credential = place.passkey.get(&begun["public_key"]).to_string();
        let session = begun["auth_session"].as_str().unwrap();
        let fields = [("auth_session", session), ("credential", &*credential)];
        let done = app.call(server, PATH, &fields).await;
        let code = done.is(200).string("authorization_code");
        assert_eq!(claims(&code).await["amr"], json!(["pop", "user", "mfa"]));
        let again = app.call(server, PATH, &fields).await;
        assert_eq!(again.json()["error"], "invalid_session");
        // As the second factor: they name the passkeys of the user.
        let typed = request.into_iter().chain([("login", "pia"), ("password", PASSWORD)]);
        let typed: Vec<_> = typed.collect();
        let asked = app.call(server, PATH, &typed).await;
        let asked = asked.is(400).json();
        assert_eq!(asked["methods"], json!(["passkey", "recovery_code"]));
        assert_eq!(asked["public_key"]["allowCredentials"].as_array().unwrap().len(), 1);
        let session = asked["auth_session"].as_str().unwrap();
        let mut foreign = SoftwareAuthenticator::new(ISSUER);
        let credential = foreign.get(&asked["public_key"]).to_string();
        let fields =
            [("auth_session", session), ("method", "passkey"), ("credential", &*credential)];
        let denied = app.call(server, PATH, &fields).await;
        assert_eq!(denied.is(400).json()["error"], "access_denied");
        let credential = place.passkey.get(&asked["public_key"]).to_string();
        let fields =
            [("auth_session", session), ("method", "passkey"), ("credential", &*credential)];
        let done = app.call(server, PATH, &fields).await;
        let code = done.is(200).string("authorization_code");
        assert_eq!(claims(&code).await["amr"], json!(["pwd", "pop", "user", "mfa"]));
        // A malformed assertion, or one with other credentials, is an invalid request.
        for wrong in [
            [("method", "passkey"), ("code", "1")],
            [("credential", "{}"), ("method", "passkey")],
            [("credential", &*credential), ("code", "123456")],
            [("credential", &*credential), ("method", "totp")],
        ] {
            let fields: Vec<_> = request.into_iter().chain(wrong).collect();
            let refused = app.call(server, PATH, &fields).await;
            assert_eq!(refused.is(400).json()["error"], "invalid_request", "{wrong:?}");
        }
    })
    .await;
}
