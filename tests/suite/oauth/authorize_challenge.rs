//! The authorization challenge endpoint: sign-in in the forms of first-party applications.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::digest::sha256_base64url;
use signet::crypto::jwt::SigningKey;
use signet::{execute, fetch_all};

use crate::support::relying_party::{App, FORM, Person, VERIFIER, error_of, form, id_token};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::dpop::Proof;
use super::key;

const CHALLENGE: &str = "/oauth2/authorize-challenge";

struct Place {
    server: Server,
    root: Tokens,
    app: App,
}

async fn place(backend: Backend) -> Place {
    place_with(Options::on(backend)).await
}

async fn place_with(options: Options) -> Place {
    let server = options.start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
        "first_party": true});
    let app = App::register(&server, &root, native).await;
    Place { server, root, app }
}

/// The first request of a sign-in; parameters in `more` replace the defaults, and an empty value omits one.
fn request(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let challenge = sha256_base64url(VERIFIER.as_bytes());
    let usual = [
        ("response_type", "code".to_owned()),
        ("scope", "openid profile".to_owned()),
        ("nonce", "the nonce".to_owned()),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256".to_owned()),
    ];
    let mut all = Vec::from(usual);
    for (name, value) in more {
        all.retain(|(known, _)| known != name);
        if !value.is_empty() {
            all.push((name, (*value).to_owned()));
        }
    }
    all
}

fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, &**value)).collect()
}

const ADA: [(&str, &str); 2] = [("login", "ada"), ("password", PASSWORD)];

impl Place {
    async fn ask(&self, app: &App, more: &[(&'static str, &str)]) -> Answer {
        app.call(&self.server, CHALLENGE, &borrowed(&request(more))).await
    }

    /// The `auth_session` of a new sign-in.
    async fn begun(&self) -> String {
        let asked = self.ask(&self.app, &[]).await;
        assert_eq!(error_of(&asked, 400), "insufficient_authorization");
        asked.string("auth_session").to_owned()
    }

    async fn continued(&self, session: &str, typed: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("auth_session", session)];
        fields.extend_from_slice(typed);
        self.app.call(&self.server, CHALLENGE, &fields).await
    }

    async fn redeem(&self, code: &str) -> Answer {
        let fields =
            [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.app.call(&self.server, "/oauth2/token", &fields).await
    }
}

fn code_of(answer: &Answer) -> String {
    answer.is(200).string("authorization_code").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_gives_a_code_in_one_step_or_in_two() {
    on_both("challenge sign-in", async |backend| {
        let place = place(backend).await;
        let at_once = code_of(&place.ask(&place.app, &ADA).await);
        let session = place.begun().await;
        let in_two = code_of(&place.continued(&session, &ADA).await);
        for code in [at_once, in_two] {
            let tokens = place.redeem(&code).await.is(200).json();
            let claims = id_token(&place.server, &place.app, &tokens, Some("the nonce")).await;
            assert_eq!(claims["amr"], json!(["pwd"]));
            assert_eq!(claims["auth_time"], place.server.now().secs());
            assert_eq!(tokens["scope"], "openid profile");
            place
                .app
                .refresh(&place.server, tokens["refresh_token"].as_str().unwrap())
                .await
                .is(200);
            let again = place.redeem(&code).await;
            assert_eq!(error_of(&again, 400), "invalid_grant");
        }
        let events = place.server.call_as(
            Method::GET,
            "/v1/admin/audit?limit=200",
            &place.root.access,
            Value::Null,
        );
        let events = events.await.is(200).json();
        let of_challenge = |event: &&Value| event["detail"] == "authorize_challenge";
        let found = events["data"].as_array().unwrap().iter().filter(of_challenge).count();
        assert_eq!(found, 2, "{events}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_names_the_endpoint() {
    let place = place(Backend::Sqlite).await;
    let found = place.server.get("/.well-known/oauth-authorization-server").await.is(200).json();
    assert_eq!(found["authorization_challenge_endpoint"], place.server.url(CHALLENGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_first_party_clients_may_see_passwords() {
    on_both("challenge clients", async |backend| {
        let place = place(backend).await;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"]});
        let mut skipping = native.clone();
        skipping["skip_consent"] = json!(true);
        let service = json!({"type": "service"});
        for client in [native, skipping, json!({"type": "spa"}), json!({"type": "web"}), service] {
            let app = App::register(&place.server, &place.root, client.clone()).await;
            for typed in [&[][..], &ADA] {
                let refused = place.ask(&app, typed).await;
                assert_eq!(error_of(&refused, 400), "unauthorized_client", "{client}");
                let command = format!("signet client update {} --first-party true", app.id);
                let named = refused.text.contains(&command);
                let may = client["type"] != "spa" && client["type"] != "service";
                assert_eq!(named, may, "{}", refused.text);
            }
        }
        // A confidential client authenticates first.
        let web = json!({"type": "web", "first_party": true});
        let web = App::register(&place.server, &place.root, web).await;
        code_of(&place.ask(&web, &ADA).await);
        let wrong = App { secret: Some("scs_wrong".to_owned()), ..web };
        assert_eq!(error_of(&place.ask(&wrong, &ADA).await, 401), "invalid_client");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_authorize_would_refuse_is_refused() {
    let place = place(Backend::Sqlite).await;
    for (more, error) in [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "openid signet:admin"), "invalid_scope"),
        (("scope", "nothing"), "invalid_scope"),
        (("resource", "https://nowhere.example"), "invalid_target"),
        (("prompt", "none"), "login_required"),
        (("method", "totp"), "invalid_request"),
        (("login", "ada"), "invalid_request"),
        (("password", PASSWORD), "invalid_request"),
    ] {
        let refused = place.ask(&place.app, &[more]).await;
        assert_eq!(error_of(&refused, 400), error, "{more:?}");
    }
    // Only `response_type=code` is supported.
    let without = [("response_type", ""), ADA[0], ADA[1]];
    code_of(&place.ask(&place.app, &without).await);
    // Scopes that the client may not have are left out, as at the authorization endpoint.
    let more = [("scope", "openid phone"), ADA[0], ADA[1]];
    let tokens = place.redeem(&code_of(&place.ask(&place.app, &more).await)).await;
    assert_eq!(tokens.is(200).json()["scope"], "openid");
    // A redirect URI is not used for a redirect, and must be the same at the token endpoint.
    let own = [("redirect_uri", "http://127.0.0.1/cb"), ADA[0], ADA[1]];
    let code = code_of(&place.ask(&place.app, &own).await);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", "http://127.0.0.1/cb"),
    ];
    place.app.call(&place.server, "/oauth2/token", &fields).await.is(200);
    let foreign = place.ask(&place.app, &[("redirect_uri", "https://evil.example/cb")]).await;
    assert_eq!(error_of(&foreign, 400), "invalid_request");
    // A PKCE challenge is required, whatever the policy of the client.
    let lax = json!({"type": "web", "first_party": true, "pkce": "optional"});
    let lax = App::register(&place.server, &place.root, lax).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    assert_eq!(error_of(&place.ask(&lax, &without).await, 400), "invalid_request");
    let none = place.server.app.db.begin().await;
    let rows = fetch_all!(&mut none.unwrap(), (i64,), "SELECT count(*) FROM authorization_codes");
    assert_eq!(rows.unwrap(), [(3,)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_users_get_the_same_answers() {
    on_both("challenge enumeration", async |backend| {
        let place = place(backend).await;
        let shape = |answer: &Answer| {
            let mut said = answer.json();
            let session = said["auth_session"].as_str().map(str::len);
            said["auth_session"] = json!(session);
            (answer.status, said)
        };
        let mut first = Vec::new();
        for hint in ["ada", "eve"] {
            first.push(shape(&place.ask(&place.app, &[("login_hint", hint)]).await));
        }
        assert_eq!(first[0], first[1]);
        let session = place.begun().await;
        let wrong = [("login", "ada"), ("password", "not the password")];
        let known = place.continued(&session, &wrong).await;
        let unknown = [("login", "eve"), ("password", "not the password")];
        let unknown = place.continued(&session, &unknown).await;
        assert_eq!(error_of(&known, 400), "access_denied");
        assert_eq!(shape(&known), shape(&unknown));
        // The user may try again, in the same session.
        let renewed = known.string("auth_session").to_owned();
        code_of(&place.continued(&renewed, &ADA).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_to_one_session_one_gives_a_code() {
    on_both("challenge races", async |backend| {
        let place = place(backend).await;
        let session = place.begun().await;
        let all = join_all((0..12).map(|_| place.continued(&session, &ADA))).await;
        let (given, refused): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.status == 200);
        assert_eq!(given.len(), 1);
        for answer in refused {
            assert_eq!(error_of(answer, 400), "invalid_session");
        }
        place.redeem(&code_of(given[0])).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_expired_or_foreign_session_is_refused() {
    let place = place(Backend::Sqlite).await;
    let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
        "first_party": true});
    let other = App::register(&place.server, &place.root, native).await;
    let session = place.begun().await;
    let mut altered = session.clone().into_bytes();
    let last = altered.len() - 9;
    altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let unprefixed = session.trim_start_matches("sch_").to_owned();
    for wrong in [&*altered, &unprefixed, "sch_", "sch_AAAA", "nonsense", &session[..40]] {
        let refused = place.continued(wrong, &ADA).await;
        assert_eq!(error_of(&refused, 400), "invalid_session", "{wrong}");
    }
    let fields = [("auth_session", &*session), ADA[0], ADA[1]];
    let elsewhere = other.call(&place.server, CHALLENGE, &fields).await;
    assert_eq!(error_of(&elsewhere, 400), "invalid_session");
    // It is accepted at no other endpoint.
    for token in [&*session, session.trim_start_matches("sch_")] {
        let me = place.server.request(Method::GET, "/v1/me").bearer_auth(token);
        place.server.send(me).await.is(401);
        let refreshed = place.app.refresh(&place.server, token).await;
        assert_eq!(error_of(&refreshed, 400), "invalid_grant");
        assert_eq!(error_of(&place.redeem(token).await, 400), "invalid_grant");
    }
    place.server.advance(TimeSpan::from_secs(299));
    let just = place.continued(&session, &[]).await;
    assert_eq!(error_of(&just, 400), "insufficient_authorization");
    assert_eq!(just.json()["expires_in"], 1);
    // A response in between does not extend it.
    let renewed = just.string("auth_session").to_owned();
    place.server.advance(TimeSpan::from_secs(1));
    for late in [&session, &renewed] {
        assert_eq!(error_of(&place.continued(late, &ADA).await, 400), "invalid_session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_proved_first_is_proved_to_the_end() {
    let place = place(Backend::Sqlite).await;
    let (mine, thiefs) = (key(), key());
    let with = async |path: &str, key: &SigningKey, jti: &str, fields: &[(&str, &str)]| {
        let proof = Proof::new(&place.server, key, "POST", path, jti).sign();
        let mut fields = fields.to_vec();
        fields.push(("client_id", &place.app.id));
        let request = place.server.request(Method::POST, path).header("dpop", proof);
        place.server.send(request.header(CONTENT_TYPE, FORM).body(form(fields))).await
    };
    let begin = request(&[]);
    let begun = with(CHALLENGE, &mine, "1", &borrowed(&begin)).await;
    assert_eq!(error_of(&begun, 400), "insufficient_authorization");
    let session = begun.string("auth_session").to_owned();
    let fields = [("auth_session", &*session), ADA[0], ADA[1]];
    for refused in
        [with(CHALLENGE, &thiefs, "2", &fields).await, place.continued(&session, &ADA).await]
    {
        assert_eq!(error_of(&refused, 400), "invalid_session");
    }
    let code = code_of(&with(CHALLENGE, &mine, "3", &fields).await);
    let redeem =
        [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", VERIFIER)];
    let tokens = with("/oauth2/token", &mine, "4", &redeem).await.is(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let code = {
        let begun = with(CHALLENGE, &mine, "5", &borrowed(&begin)).await;
        let session = begun.string("auth_session").to_owned();
        let fields = [("auth_session", &*session), ADA[0], ADA[1]];
        code_of(&with(CHALLENGE, &mine, "6", &fields).await)
    };
    let stolen =
        [("grant_type", "authorization_code"), ("code", &*code), ("code_verifier", VERIFIER)];
    let refused = with("/oauth2/token", &thiefs, "7", &stolen).await;
    assert_eq!(error_of(&refused, 400), "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_count_for_the_account_wherever_they_happen() {
    on_both("challenge lockout", async |backend| {
        let place = place_with(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let session = place.begun().await;
        let wrong = [("login", "ada"), ("password", "not the password")];
        for n in 0..10 {
            let denied = place.continued(&session, &wrong).await;
            assert_eq!(error_of(&denied, 400), "access_denied", "{n}");
            let body = json!({"login": "ada", "password": "not the password"});
            place.server.post("/v1/login", body).await.is(401);
        }
        let closed = place.continued(&session, &ADA).await;
        assert_eq!(error_of(&closed, 429), "temporarily_unavailable");
        assert!(!closed.header("retry-after").is_empty());
        let person = Person::new(&place.server, "ada");
        let page = person.get("/login").await;
        person.log_in(&page, PASSWORD).await.is(429);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_with_the_account() {
    on_both("challenge endings", async |backend| {
        let place = place(backend).await;
        let ada = Tokens::of(
            &place.server.post("/v1/login", json!({"login": "ada", "password": PASSWORD})).await,
        );
        let code = code_of(&place.ask(&place.app, &ADA).await);
        let change = json!({"current_password": PASSWORD, "new_password": "another fine password"});
        let path = "/v1/password";
        let changed = place.server.call_as(Method::POST, path, &ada.access, change).await;
        assert!(changed.status < 300, "{}", changed.text);
        assert_eq!(error_of(&place.redeem(&code).await, 400), "invalid_grant");
    })
    .await;
}

/// Tokens contain the current factors of the session, after refreshes as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_factors_of_a_session_are_what_its_tokens_say() {
    on_both("factors of sessions", async |backend| {
        let place = place(backend).await;
        let code = code_of(&place.ask(&place.app, &ADA).await);
        let tokens = place.redeem(&code).await.is(200).json();
        let mut tx = place.server.app.db.begin().await.unwrap();
        let at = place.server.now().millis();
        let factors = json!([{"m": "password", "at": at}, {"m": "totp", "at": at}]).to_string();
        let stored = execute!(
            &mut tx,
            "UPDATE sessions SET factors = $1 WHERE client_id = $2",
            factors,
            &*place.app.id
        );
        assert_eq!(stored.unwrap(), 1);
        tx.commit().await.unwrap();
        let refreshed =
            place.app.refresh(&place.server, tokens["refresh_token"].as_str().unwrap()).await;
        let refreshed = refreshed.is(200).json();
        let claims = id_token(&place.server, &place.app, &refreshed, None).await;
        assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
        let access = refreshed["access_token"].as_str().unwrap();
        let (access, refresh) = (access.to_owned(), String::new());
        assert_eq!(Tokens { access, refresh }.claims()["amr"], json!(["pwd", "otp", "mfa"]));
    })
    .await;
}

/// Each proof is stored, and no credential is required to send one.
#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_requests_that_give_no_code_are_bounded() {
    let place = place_with(Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on")).await;
    let key = key();
    let begin = request(&[("client_id", &place.app.id)]);
    let send = async |jti: usize| {
        let proof = Proof::new(&place.server, &key, "POST", CHALLENGE, &jti.to_string()).sign();
        let request = place.server.request(Method::POST, CHALLENGE).header("dpop", proof);
        let body = form(borrowed(&begin));
        place.server.send(request.header(CONTENT_TYPE, FORM).body(body)).await.status
    };
    let mut statuses = Vec::new();
    for jti in 0..1_010 {
        statuses.push(send(jti).await);
    }
    assert!(statuses[..1_000].iter().all(|status| *status == 400));
    assert_eq!(statuses[1_005..], [429; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_with_the_last_request_alone_binds_the_code() {
    let place = place(Backend::Sqlite).await;
    let session = place.begun().await;
    let proof = Proof::new(&place.server, &key(), "POST", CHALLENGE, "late").sign();
    let fields = [("auth_session", &*session), ("client_id", &place.app.id), ADA[0], ADA[1]];
    let request = place.server.request(Method::POST, CHALLENGE).header("dpop", proof);
    let code =
        code_of(&place.server.send(request.header(CONTENT_TYPE, FORM).body(form(fields))).await);
    assert_eq!(error_of(&place.redeem(&code).await, 400), "invalid_grant");
}

/// A password is hashed and not stored, so it may have any character.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_may_contain_a_null_character() {
    let place = place(Backend::Sqlite).await;
    let password = "a null \u{0} character";
    let body = json!({"login": "nul", "password": password});
    place.server.post("/v1/register", body).await.is(201);
    let typed = [("login", "nul"), ("password", password)];
    code_of(&place.ask(&place.app, &typed).await);
}
