//! Which requests pass, and the identity of the caller in the response.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::{SigningKey, decode_unverified};
use signet::domain::forward_auth::Requirement;
use signet::domain::signing_key::SigningAlg;
use signet::oauth::forward_auth::{Presented, check};
use signet::store::db::counted;

use super::{API, Place, QUESTION, proof, said};
use crate::support::postgres::Cluster;
use crate::support::relying_party::App;
use crate::support::server::{Options, PASSWORD, Tokens, pair};
use crate::support::{Backend, on_both, require};

fn claims(token: &str) -> Value {
    json!(decode_unverified(token).claims.unwrap())
}

/// The token with another signature.
fn altered(token: &str) -> String {
    let (content, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{content}.{first}{}", &signature[1..])
}

/// A valid token passes, and five headers identify its user. The identity token is signed by a published key, has a
/// type of its own and is valid for at most a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_valid_token_passes_and_five_headers_say_whose_it_is() {
    on_both("forward-auth: passes", async |backend| {
        let place = Place::on(backend).await;
        let tokens = place.login(Some(API), "orders:read").await;
        let answer = place.ask_with(QUESTION, &tokens.access).await;
        assert!(answer.is(200).text.is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
        let [identity, subject, client, scope, roles] = said(&answer).try_into().unwrap();
        assert_eq!(subject, place.ada);
        assert_eq!((&*client, &*scope), ("signet", "orders:read"));
        assert_eq!(roles, "buyer,K%C3%A4ufer%20gro%C3%9F");
        let header = json!(decode_unverified(&identity).header.unwrap());
        assert_eq!(header["typ"], "signet-identity+jwt");
        let (said, token) = (claims(&identity), tokens.claims());
        assert_eq!(said["exp"], json!(said["iat"].as_i64().unwrap() + 60));
        assert_eq!(said["tok"], token["jti"]);
        assert_eq!(said["tenant"], "t1");
        for name in ["iss", "aud", "sub", "client_id", "scope", "sid"] {
            assert_eq!(said[name], token[name], "{name}");
        }
        // It is reused for some seconds, then another one is signed.
        let again = place.ask_with(QUESTION, &tokens.access).await;
        assert_eq!(again.header("signetidentity"), identity);
        place.server.advance(TimeSpan::from_secs(20));
        let later = place.ask_with(QUESTION, &tokens.access).await;
        assert_ne!(later.header("signetidentity"), identity);

        // A client itself has no roles.
        let token = place.service_token(None).await;
        let answer = place.ask_with(QUESTION, &token).await;
        let [_, subject, client, scope, roles] = self::said(answer.is(200)).try_into().unwrap();
        assert_eq!(
            (&*subject, &*client, &*scope, &*roles),
            ("billing", "billing", "orders:read", "")
        );

        // Near its end, the identity token ends with the access token.
        place.server.advance(TimeSpan::from_secs(
            claims(&token)["exp"].as_i64().unwrap() - place.server.now().secs() - 5,
        ));
        let answer = place.ask_with(QUESTION, &token).await;
        assert_eq!(claims(answer.is(200).header("signetidentity"))["exp"], claims(&token)["exp"]);
    })
    .await;
}

/// A request without a token gets a challenge without an error; every other refusal has a code and the address of the
/// API's metadata.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_not_for_the_api_are_refused_with_a_code() {
    on_both("forward-auth: refused", async |backend| {
        let place = Place::on(backend).await;
        let good = place.login(Some(API), "orders:read").await;
        let for_issuer = place.login(None, "").await;
        let metadata = format!(
            "resource_metadata=\"{}/v1/resource-metadata?audience=https%3A%2F%2Fapi.example.com\"",
            place.server.base
        );
        for headers in [
            &[][..],
            &[("authorization", "Basic eDp5")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer")],
        ] {
            let answer = place.ask(Method::GET, QUESTION, headers).await;
            assert_eq!(answer.is(401).header("www-authenticate"), format!("Bearer {metadata}"));
        }
        let lower = [("authorization", &*format!("bearer {}", good.access))];
        place.ask(Method::GET, QUESTION, &lower).await.is(200);
        let altered = altered(&good.access);
        let answer = place.ask_with(QUESTION, &good.access).await;
        let identity = answer.header("signetidentity").to_owned();
        for (token, code) in [
            ("x", "malformed"),
            ("a.b.c", "malformed"),
            (&*altered, "bad_signature"),
            (&*for_issuer.access, "wrong_audience"),
            (&*good.refresh, "refresh_token"),
            ("scs_0123456789", "client_secret"),
            ("sak_0123456789", "api_key"),
            (&*identity, "wrong_type"),
        ] {
            let answer = place.ask_with(QUESTION, token).await;
            answer.is_problem(401, "invalid_token");
            let expected =
                format!("Bearer error=\"invalid_token\", error_description=\"{code}\", {metadata}");
            assert_eq!(answer.header("www-authenticate"), expected);
        }
        place.server.advance(TimeSpan::from_days(1));
        let answer = place.ask_with(QUESTION, &good.access).await;
        assert!(answer.is(401).header("www-authenticate").contains("\"expired\""));
        let bearer = format!("Bearer {}", good.access);
        let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
        place.ask(Method::GET, QUESTION, &twice).await.is_problem(400, "malformed_request");
    })
    .await;
}

/// All scopes are required, and the challenge names all of them; one of several roles suffices. Roles are current.
#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_roles_are_required() {
    on_both("forward-auth: requirements", async |backend| {
        let place = Place::on(backend).await;
        let tokens = place.login(Some(API), "orders:read").await;
        let ask =
            async |more: &str| place.ask_with(&format!("{QUESTION}{more}"), &tokens.access).await;
        for passes in ["&scope=orders:read", "&role=buyer", "&role=x&role=buyer"] {
            ask(passes).await.is(200);
        }
        let denied = ask("&scope=orders:read+orders:write").await;
        denied.is_problem(403, "insufficient_scope");
        let challenge = denied.header("www-authenticate");
        assert!(challenge.starts_with(
            "Bearer error=\"insufficient_scope\", scope=\"orders:read orders:write\""
        ));
        ask("&role=seller").await.is_problem(403, "role_required");
        ask("&role=buyer&scope=orders:write").await.is_problem(403, "insufficient_scope");
        let path = format!("/v1/admin/users/{}", place.ada);
        let change = json!({"roles": ["seller"]});
        place.server.call_as(Method::PATCH, &path, &place.root.access, change).await.is(200);
        ask("&role=buyer").await.is_problem(403, "role_required");
        let answer = ask("&role=seller").await;
        assert_eq!(answer.is(200).header("signetroles"), "seller");
        assert_eq!(claims(answer.header("signetidentity"))["roles"], json!(["seller"]));
        // A client has no roles.
        let token = place.service_token(None).await;
        let answer = place.ask_with(&format!("{QUESTION}&role=seller"), &token).await;
        answer.is_problem(403, "role_required");
    })
    .await;
}

/// A token passes while introspection would return it as active: after a log-out, a disabled user or client and a
/// revocation the next request is refused.
#[tokio::test(flavor = "multi_thread")]
async fn ended_tokens_are_refused_at_the_next_request() {
    on_both("forward-auth: ended", async |backend| {
        let place = Place::on(backend).await;
        let ended = async |token: &str| {
            let answer = place.ask_with(QUESTION, token).await;
            answer.is_problem(401, "invalid_token");
            assert!(answer.header("www-authenticate").contains("error_description=\"ended\""));
        };
        let tokens = place.login(Some(API), "orders:read").await;
        place.ask_with(QUESTION, &tokens.access).await.is(200);
        place.server.post("/v1/logout", json!({"refresh_token": tokens.refresh})).await.is(204);
        ended(&tokens.access).await;
        // A token that its client revoked; the other token of the session passes.
        let client = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "audiences": [API], "first_party": true});
        let app = App::register(&place.server, &place.root, client).await;
        let body = json!({"login": "ada", "password": PASSWORD, "client_id": app.id,
            "audience": API, "scope": "orders:read"});
        let tokens = Tokens::of(&place.server.post("/v1/login", body).await);
        place.ask_with(QUESTION, &tokens.access).await.is(200);
        let revoked = [("token", &*tokens.access)];
        app.call(&place.server, "/oauth2/revoke", &revoked).await.is(200);
        ended(&tokens.access).await;
        let next = Tokens::of(&place.server.refresh(&tokens.refresh).await);
        place.ask_with(QUESTION, &next.access).await.is(200);
        let tokens = place.login(Some(API), "orders:read").await;
        let path = format!("/v1/admin/users/{}/disable", place.ada);
        place.server.call_as(Method::POST, &path, &place.root.access, json!(null)).await.is(200);
        ended(&tokens.access).await;
        let token = place.service_token(None).await;
        place.ask_with(QUESTION, &token).await.is(200);
        let path = "/v1/admin/clients/billing/disable";
        place.server.call_as(Method::POST, path, &place.root.access, json!(null)).await.is(200);
        ended(&token).await;
    })
    .await;
}

/// A log-out at one process affects the next decision of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_is_seen_by_every_process() {
    let Some((one, two)) = pair("forward-auth: two processes").await else { return };
    let root = one.administrator("root").await;
    one.register("ada").await;
    let api = json!({"identifier": API, "scopes": ["orders:read"]});
    one.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let body = json!({"login": "ada", "password": PASSWORD, "audience": API});
    let tokens = one.post("/v1/login", body).await;
    let access = tokens.is(200).string("access_token");
    two.get_as(QUESTION, &access).await.is(200);
    let body = json!({"refresh_token": tokens.string("refresh_token")});
    one.post("/v1/logout", body).await.is(204);
    two.get_as(QUESTION, &access).await.is_problem(401, "invalid_token");
}

/// A token that is bound to a key passes once with a proof for the request that a trusted proxy describes; headers
/// of other callers are ignored.
#[tokio::test(flavor = "multi_thread")]
async fn bound_tokens_need_a_proof_for_the_request_of_the_client() {
    on_both("forward-auth: DPoP", async |backend| {
        for trusted in [true, false] {
            let mut options = Options::on(backend);
            if trusted {
                options = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.0/8,::1");
            }
            let place = Place::with(options).await;
            let (mine, other) =
                [(); 2].map(|()| SigningKey::generate(SigningAlg::Es256).unwrap().key).into();
            let at_token = proof(
                &place.server,
                &mine,
                ("POST", &place.server.url("/oauth2/token")),
                None,
                "a",
            );
            let token = place.service_token(Some(&at_token)).await;
            let bearer = place.ask_with(QUESTION, &token).await;
            bearer.is_problem(401, "proof_required");
            assert!(bearer.header("www-authenticate").starts_with("DPoP error=\"invalid_token\""));
            let ask = async |proof: &str| {
                let authorization = format!("DPoP {token}");
                let headers = [
                    ("authorization", &*authorization),
                    ("dpop", proof),
                    ("x-forwarded-for", "192.0.2.7"),
                    ("x-forwarded-method", "PUT"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "shop.example.com"),
                    ("x-forwarded-uri", "/orders/7?x=y"),
                ];
                place.ask(Method::GET, QUESTION, &headers).await
            };
            let right = ("PUT", "https://shop.example.com/orders/7");
            for (key, request, token, jti) in [
                (&other, right, &*token, "b"),
                (&mine, ("GET", right.1), &token, "c"),
                (&mine, ("PUT", "https://shop.example.com/orders/8"), &token, "d"),
                (&mine, ("PUT", "https://evil.example/orders/7"), &token, "e"),
                (&mine, right, "another", "f"),
            ] {
                let wrong = proof(&place.server, key, request, Some(token), jti);
                ask(&wrong).await.is_problem(401, "proof_required");
            }
            let good = proof(&place.server, &mine, right, Some(&token), "g");
            if trusted {
                let answers = join_all((0..8).map(|_| ask(&good))).await;
                let passed = answers.iter().filter(|answer| answer.status == 200).count();
                assert_eq!(passed, 1, "a proof counts once");
            }
            // A replayed proof, or a description from an untrusted address.
            ask(&good).await.is_problem(401, "proof_required");
            // An unbound token cannot be sent as bound.
            let plain = place.service_token(None).await;
            let headers = [("authorization", &*format!("DPoP {plain}"))];
            place.ask(Method::GET, QUESTION, &headers).await.is(401);
        }
    })
    .await;
}

/// An identity token is not accepted as an access token anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_identity_token_is_no_access_token() {
    on_both("identity token elsewhere", async |backend| {
        let place = Place::on(backend).await;
        let tokens = place.login(Some(API), "orders:read").await;
        let answer = place.ask_with(QUESTION, &tokens.access).await;
        let identity = answer.header("signetidentity");
        place.server.get_as("/v1/me", identity).await.is(401);
        place.server.get_as("/oauth2/userinfo", identity).await.is(401);
        let post = async |path: &str, form: &str| {
            let form = format!("client_id=billing&client_secret={}&{form}", place.secret);
            let request = place.server.request(Method::POST, path);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            place.server.send(request.body(form)).await
        };
        let introspected = post("/oauth2/introspect", &format!("token={identity}")).await;
        assert_eq!(introspected.is(200).json(), json!({"active": false}));
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
        let exchange = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={identity}\
             &subject_token_type={kind}"
        );
        post("/oauth2/token", &exchange).await.is(400);
        let why = json!({"token": identity});
        let why = place.server.call_as(Method::POST, "/v1/admin/tokens/why", &place.root.access, why).await;
        assert_eq!(why.is(200).json()["code"], "wrong_type");
    })
    .await;
}

/// An API that shares a secret with the server could forge tokens, which the server must not confirm.
#[tokio::test(flavor = "multi_thread")]
async fn apis_with_a_shared_secret_are_refused() {
    on_both("forward-auth: shared secret", async |backend| {
        let place = Place::on(backend).await;
        let shared = "https://shared.example.com";
        let api = json!({"identifier": shared, "claims": ["roles"], "signing_alg": "HS256"});
        place.server.call_as(Method::POST, "/v1/admin/apis", &place.root.access, api).await.is(201);
        let tokens = place.login(Some(shared), "").await;
        let path = format!("/v1/forward-auth?audience={shared}");
        let refused = place.ask_with(&path, &tokens.access).await;
        refused.is_problem(400, "malformed_request");
        assert!(refused.string("detail").contains("shares a secret"), "{}", refused.text);
    })
    .await;
}

/// Roles are returned only if the API has the claim `roles`.
#[tokio::test(flavor = "multi_thread")]
async fn roles_are_for_apis_that_ask_for_them() {
    on_both("forward-auth: roles", async |backend| {
        let place = Place::on(backend).await;
        let quiet = "https://quiet.example.com";
        let api = json!({"identifier": quiet});
        place.server.call_as(Method::POST, "/v1/admin/apis", &place.root.access, api).await.is(201);
        let tokens = place.login(Some(quiet), "").await;
        let path = format!("/v1/forward-auth?audience={quiet}");
        assert_eq!(place.ask_with(&path, &tokens.access).await.is(200).header("signetroles"), "");
        let refused = place.ask_with(&format!("{path}&role=buyer"), &tokens.access).await;
        refused.is_problem(400, "malformed_request");
        assert!(
            refused.string("detail").contains("requires an API with the claim roles"),
            "{}",
            refused.text
        );
    })
    .await;
}

/// Malformed tokens are not limited by network, because a gateway has one address for all its clients.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_of_one_client_limits_no_other() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let place = Place::with(options).await;
    let tokens = place.login(Some(API), "orders:read").await;
    for _ in 0..500 {
        place.ask_with(QUESTION, "x.y.z").await.is(401);
    }
    place.ask_with(QUESTION, &tokens.access).await.is(200);
}

/// Without its database Signet answers 503 with `Retry-After`; a token that does not verify is still refused.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_nothing_is_decided() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "questions of gateways without a database");
    };
    let url = cluster.fresh_database().await;
    let place = Place::with(Options::on(Backend::Postgres).on_database(&url)).await;
    let tokens = place.login(Some(API), "orders:read").await;
    place.ask_with(QUESTION, &tokens.access).await.is(200);
    cluster.stop_immediate().await;
    let answer = place.ask_with(QUESTION, &tokens.access).await;
    answer.is_problem(503, "unavailable");
    assert!(!answer.header("retry-after").is_empty());
    place.ask_with(QUESTION, "x.y.z").await.is(401);
}

/// One statement for a token that passes, none for one that does not verify.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_asks_the_database_once_and_garbage_never() {
    on_both("forward-auth: statements", async |backend| {
        let place = Place::on(backend).await;
        let tokens = place.login(Some(API), "orders:read").await;
        let (app, now) = (&place.server.app, place.server.now());
        let audience = app.audience(Some(API)).unwrap();
        let requirement = Requirement::default();
        let ask = async |token: &str| {
            let token = token.to_owned();
            let presented = Presented { token, as_bound: false, address: None, proof: None };
            let (answer, statements) =
                counted(check(app, &audience, &requirement, &presented, now)).await;
            let Ok(answer) = answer else { panic!("a fault") };
            (answer.is_ok(), statements)
        };
        assert_eq!(ask(&tokens.access).await, (true, 1));
        assert_eq!(ask(&tokens.access).await, (true, 1));
        for garbage in ["x", "a.b.c", &tokens.refresh, &altered(&tokens.access), &"y".repeat(9_000)]
        {
            assert_eq!(ask(garbage).await, (false, 0), "{garbage}");
        }
    })
    .await;
}
