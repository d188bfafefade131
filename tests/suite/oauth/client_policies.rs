//! Policies for clients whose libraries do less than the best practice: requests without PKCE, secret
//! methods, assertion audiences, and the claims of ID tokens.

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::clients::key_warnings;
use signet::base::Timestamp;
use signet::crypto::external_jwt::public_key;
use signet::crypto::jwt::SigningKey;
use signet::domain::client::{Client, ClientMetadata, ClientType, PkcePolicy};
use signet::domain::signing_key::SigningAlg;
use signet::oauth::grants;
use signet::store::clients;

use crate::support::relying_party::{
    App, FORM, Person, VERIFIER, basic, error_of, form, id_token, param, signed,
};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server, keys, on_both};

use super::dpop::Proof;
use super::{API, DEVICE, key, set, set_on};

const TOKEN: &str = "/oauth2/token";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Omits the challenge from a request.
const NO_CHALLENGE: [(&str, &str); 2] = [("code_challenge", ""), ("code_challenge_method", "")];

async fn change(server: &Server, root: &Tokens, app: &App, change: Value) {
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, change).await.is(200);
}

/// Redeems a code with these parameters besides the defaults.
async fn redeem(server: &Server, app: &App, code: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &*app.redirect_uri),
    ];
    app.call(server, TOKEN, &[&fields, more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_challenge_is_answered_as_the_client_is_registered() {
    on_both("pkce policies", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let app = App::register(&server, &root, json!({"type": "web", "skip_consent": true})).await;
        let nonce = [("nonce", "n-1")];
        let none = [("nonce", "")];
        let plain = [("nonce", "n-1"), ("scope", "profile")];
        for (policy, requests) in [
            ("required", [(&nonce[..], false), (&none[..], false), (&plain[..], false)]),
            ("nonce", [(&nonce[..], true), (&none[..], false), (&plain[..], false)]),
            ("optional", [(&nonce[..], true), (&none[..], true), (&plain[..], true)]),
        ] {
            change(&server, &root, &app, json!({ "pkce": policy })).await;
            for (more, answered) in requests {
                let more = [&NO_CHALLENGE, more].concat();
                let callback = ada.visit(&app.url(&more)).await.callback();
                if answered {
                    let code = param(&callback, "code").unwrap();
                    redeem(&server, &app, &code, &[]).await.is(200);
                } else {
                    assert_eq!(param(&callback, "error").as_deref(), Some("invalid_request"));
                    let said = param(&callback, "error_description").unwrap();
                    // The policy that permits the request that was just refused.
                    let enough = if more.contains(&nonce[0]) && !more.contains(&plain[1]) {
                        "nonce"
                    } else {
                        "optional"
                    };
                    let command = format!("signet client update {} --pkce {enough}", app.id);
                    assert!(said.contains(&command), "{said}");
                }
                // Pushed requests follow the same rules.
                let request = app.request(&more);
                let fields: Vec<_> =
                    request.iter().map(|(name, value)| (&**name, &**value)).collect();
                let pushed = app.call(&server, "/oauth2/par", &fields).await;
                pushed.is(if answered { 201 } else { 400 });
            }
            // A challenge that was sent is verified under every policy.
            let code = app.code(&ada, &[]).await;
            app.redeem(&server, &code).await.is(200);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_always_needs_a_challenge() {
    on_both("public clients and pkce", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"]});
        for client in [json!({"type": "spa"}), native] {
            let app = App::register(&server, &root, client).await;
            // A row that no administrator can write.
            let mut tx = server.app.db.begin().await.unwrap();
            let mut stored = clients::hold(&mut tx, &app.id).await.unwrap().unwrap();
            stored.client.metadata.pkce = PkcePolicy::Optional;
            clients::update(&mut tx, &stored).await.unwrap();
            tx.commit().await.unwrap();
            server.app.reload_if_changed().await.unwrap();
            let said = ada.visit(&app.url(&NO_CHALLENGE)).await.callback();
            assert_eq!(param(&said, "error").as_deref(), Some("invalid_request"));
        }
    })
    .await;
}

/// RFC 9700 §4.8: an attacker can remove neither half.
#[tokio::test(flavor = "multi_thread")]
async fn challenge_and_verifier_come_together_or_not_at_all() {
    on_both("pkce downgrade", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let client = json!({"type": "web", "skip_consent": true, "pkce": "optional"});
        let app = App::register(&server, &root, client).await;
        for none in [&[][..], &[("code_verifier", "")]] {
            let code = app.code(&ada, &[]).await;
            redeem(&server, &app, &code, none).await.is(400);
        }
        let without = app.code(&ada, &NO_CHALLENGE).await;
        let answer = redeem(&server, &app, &without, &[("code_verifier", VERIFIER)]).await;
        assert_eq!(error_of(&answer, 400), "invalid_grant");
        let said = answer.string("error_description");
        assert!(
            said.contains("had no code_challenge") && !said.contains("does not match"),
            "{said}"
        );
        // A method without its challenge is a request that lost the challenge; an unknown method is invalid.
        for more in [
            &[("code_challenge", "")][..],
            &[("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
            &[("code_challenge", ""), ("code_challenge_method", "plain")],
        ] {
            let said = ada.visit(&app.url(more)).await.callback();
            assert_eq!(param(&said, "error").as_deref(), Some("invalid_request"), "{more:?}");
        }
        // A stricter policy applies to pending codes.
        let code = app.code(&ada, &NO_CHALLENGE).await;
        change(&server, &root, &app, json!({"pkce": "required"})).await;
        let answer = redeem(&server, &app, &code, &[]).await;
        assert_eq!(error_of(&answer, 400), "invalid_grant");
        let said = answer.string("error_description");
        assert!(said.contains("which this client has to send"), "{said}");
    })
    .await;
}

async fn post(server: &Server, fields: &[(&str, &str)], header: Option<&str>) -> Answer {
    let mut request =
        server.request(Method::POST, "/oauth2/introspect").header("content-type", FORM);
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    server.send(request.body(form([&[("token", "x")], fields].concat()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_secret_may_send_it_either_way_unless_one_is_pinned() {
    on_both("secret methods", async |backend| {
        let (server, root, app) = set_on(backend).await;
        let secret = app.secret.clone().unwrap();
        let header = |secret: &str| basic(&app.id, secret);
        let body = |secret: &str| {
            vec![
                ("client_id".to_owned(), app.id.clone()),
                ("client_secret".to_owned(), secret.to_owned()),
            ]
        };
        let by_basic = async |secret: &str| post(&server, &[], Some(&header(secret))).await;
        let by_post = async |secret: &str| {
            let body = body(secret);
            let fields: Vec<_> = body.iter().map(|(name, value)| (&**name, &**value)).collect();
            post(&server, &fields, None).await
        };
        let wrong = secret.to_uppercase();
        by_basic(&secret).await.is(200);
        by_post(&secret).await.is(200);
        let both = [("client_id", &*app.id), ("client_secret", &*secret)];
        let both = post(&server, &both, Some(&header(&secret))).await;
        assert_eq!(error_of(&both, 400), "invalid_request");
        for method in ["client_secret_basic", "client_secret_post"] {
            change(&server, &root, &app, json!({"token_endpoint_auth_method": method})).await;
            let is_basic = method == "client_secret_basic";
            let (good, refused) = match is_basic {
                true => (by_basic(&secret).await, [by_post(&secret).await, by_post(&wrong).await]),
                false => {
                    (by_post(&secret).await, [by_basic(&secret).await, by_basic(&wrong).await])
                }
            };
            good.is(200);
            for answer in &refused {
                assert_eq!(error_of(answer, 401), "invalid_client", "{method}");
                let said = answer.json()["error_description"].as_str().unwrap().to_owned();
                assert!(said.contains(method) && !said.contains(&secret), "{said}");
            }
            // The refusal does not depend on the secret.
            assert_eq!(refused[0].text, refused[1].text);
        }
        change(&server, &root, &app, json!({"token_endpoint_auth_method": null})).await;
        by_basic(&secret).await.is(200);
        by_post(&secret).await.is(200);
        // A wrong secret sent by a registered method gets the same response as an unknown client.
        let unknown = post(&server, &[], Some(&basic("nobody", &secret))).await;
        assert_eq!(by_basic(&wrong).await.text, unknown.text);
        assert_eq!(by_post(&wrong).await.text, unknown.text);
        // Without a credential the response names the missing one.
        let named = post(&server, &[("client_id", &app.id)], None).await;
        assert_eq!(error_of(&named, 401), "invalid_client");
        let said = named.text;
        assert!(
            said.contains("client_secret_basic") && said.contains("client_secret_post"),
            "{said}"
        );
        let fields = [("client_assertion_type", ASSERTION), ("client_assertion", "e30.e30.x")];
        assert_eq!(error_of(&post(&server, &fields, None).await, 401), "invalid_client");
    })
    .await;
}

/// oidc-agent and others send a Basic header for every client.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_secret_is_no_secret() {
    let (server, root, web) = set().await;
    let device = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
        "grant_types": [DEVICE]});
    let public = App::register(&server, &root, device).await;
    let path = "/oauth2/device_authorization";
    let send = async |header: &str, fields: &[(&str, &str)]| {
        let request = server.request(Method::POST, path).header("content-type", FORM);
        let request = request.header("authorization", header);
        server.send(request.body(form(fields.iter().copied()))).await
    };
    send(&basic(&public.id, ""), &[]).await.is(200);
    send(&basic(&public.id, ""), &[("client_id", &public.id)]).await.is(200);
    send(&basic(&public.id, ""), &[("client_secret", "")]).await.is(200);
    let answer = send(&basic(&public.id, ""), &[("client_id", &web.id)]).await;
    assert_eq!(error_of(&answer, 400), "invalid_request");
    let answer = send(&basic(&public.id, "x"), &[]).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    assert!(answer.text.contains("public client"), "{}", answer.text);
    let fields = [("client_id", &*public.id), ("client_secret", "x")];
    let request = server.request(Method::POST, path).header("content-type", FORM);
    assert_eq!(error_of(&server.send(request.body(form(fields))).await, 401), "invalid_client");
    // It does not authenticate a client that has a secret, nor one without an id.
    for header in [basic(&web.id, ""), basic("", ""), basic("nobody", "")] {
        assert_eq!(error_of(&send(&header, &[]).await, 401), "invalid_client");
    }
    let answer = post(&server, &[], Some(&basic(&web.id, ""))).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
}

/// A service that authenticates with a key of its own.
struct Asserting {
    server: Server,
    root: Tokens,
    app: App,
    key: SigningKey,
}

impl Asserting {
    async fn on(backend: Backend) -> Self {
        let (server, root, _) = set_on(backend).await;
        let key = key();
        let client = json!({"type": "service", "audiences": [API],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public]}});
        let app = App::register(&server, &root, client).await;
        Self { server, root, app, key }
    }

    async fn send(&self, path: &str, aud: Value, jti: &str) -> Answer {
        let claims = json!({"iss": self.app.id, "sub": self.app.id, "aud": aud, "jti": jti,
            "exp": self.server.now().secs() + 60});
        let assertion = signed(&self.key, &json!({"alg": "ES256"}), &claims);
        let fields = [
            ("grant_type", "client_credentials"),
            ("token", "x"),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &*assertion),
        ];
        let request = self.server.request(Method::POST, path).header("content-type", FORM);
        self.server.send(request.body(form(fields))).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_names_the_audience_its_client_is_registered_for() {
    on_both("audiences of assertions", async |backend| {
        let place = Asserting::on(backend).await;
        let issuer = place.server.base.clone();
        let at = |path: &str| format!("{issuer}{path}");
        let token = at(TOKEN);
        let introspect = at("/oauth2/introspect");
        let cases = [
            // Audience, called endpoint, accepted with `endpoint`.
            (json!(issuer), TOKEN, true),
            (json!([issuer]), TOKEN, true),
            (json!(token), TOKEN, true),
            (json!([token]), TOKEN, true),
            (json!(token), "/oauth2/introspect", true),
            (json!(introspect), "/oauth2/introspect", true),
            (json!([introspect]), "/oauth2/introspect", true),
            (json!(introspect), TOKEN, false),
            (json!(at("/oauth2/par")), "/oauth2/introspect", false),
            (json!([issuer, token]), TOKEN, false),
            (json!([token, token]), TOKEN, false),
            (json!([]), TOKEN, false),
            (json!([[token]]), TOKEN, false),
            (json!({"0": token}), TOKEN, false),
            (json!(format!("{token}/")), TOKEN, false),
            (json!(token.to_uppercase()), TOKEN, false),
            (json!(format!("{issuer}/")), TOKEN, false),
            (json!("https://other.example/oauth2/token"), TOKEN, false),
            (json!(TOKEN), TOKEN, false),
            (json!(""), TOKEN, false),
            (json!(5), TOKEN, false),
            (Value::Null, TOKEN, false),
        ];
        for policy in ["issuer", "endpoint"] {
            change(&place.server, &place.root, &place.app, json!({"assertion_audience": policy}))
                .await;
            for (index, (aud, path, open)) in cases.iter().enumerate() {
                let accepted = if policy == "issuer" { *aud == json!(issuer) } else { *open };
                let answer = place.send(path, aud.clone(), &format!("{policy}{index}")).await;
                if accepted {
                    answer.is(200);
                    continue;
                }
                assert_eq!(error_of(&answer, 401), "invalid_client", "{policy} {aud}");
                let said = answer.json()["error_description"].as_str().unwrap().to_owned();
                assert!(said.contains(&issuer), "names what is expected: {said}");
                if let Some(aud) = aud.as_str() {
                    assert!(
                        said.contains(&format!("Found: {aud}")),
                        "names what was found: {said}"
                    );
                }
                assert!(policy == "issuer" || said.contains(&token), "{said}");
                let (_, expected) = said.split_once("Expected: ").unwrap();
                assert!(expected.matches(&token).count() <= 1, "an address is named once: {said}");
            }
        }
        // Quoted values are bounded and contain only the characters of an error description.
        let long = format!("\"\\\r\n\u{202e}{}", "x".repeat(5_000));
        let answer = place.send(TOKEN, json!(long), "long").await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
        assert!(answer.text.len() < 800, "{}", answer.text);
    })
    .await;
}

/// RFC 8725 §3.1, for keys of clients and keys in proofs.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_verifies_the_algorithm_it_names_and_no_other() {
    on_both("algorithms of keys", async |backend| {
        let (server, root, _) = set_on(backend).await;
        let now = server.now().secs();
        // One key pair that can sign with both algorithms.
        let generated = SigningKey::generate(SigningAlg::Rs256).unwrap();
        let rs256 = SigningKey::parse(SigningAlg::Rs256, &generated.pkcs8).unwrap();
        let ps256 = SigningKey::parse(SigningAlg::Ps256, &generated.pkcs8).unwrap();
        let assertion = |app: &App, alg: &str, jti: &str| {
            let key = if alg == "PS256" { &ps256 } else { &rs256 };
            let claims = json!({"iss": app.id, "sub": app.id, "aud": server.base, "jti": jti,
            "exp": now + 60});
            signed(key, &json!({ "alg": alg }), &claims)
        };
        let send = async |assertion: &str| {
            let fields = [("client_assertion_type", ASSERTION), ("client_assertion", assertion)];
            post(&server, &fields, None).await
        };
        let jwk = |alg: Option<&str>| {
            let mut jwk = json!(rs256.public);
            if let Some(alg) = alg {
                jwk["alg"] = json!(alg);
            }
            jwk
        };
        for (named, good, bad) in [
            (Some("PS256"), "PS256", "RS256"),
            (Some("RS256"), "RS256", "PS256"),
            (None, "RS256", "PS256"),
        ] {
            let client = json!({"type": "web", "jwks": [jwk(named)],
            "token_endpoint_auth_method": "private_key_jwt"});
            let app = App::register(&server, &root, client).await;
            send(&assertion(&app, good, "good")).await.is(200);
            let answer = send(&assertion(&app, bad, "bad")).await;
            assert_eq!(error_of(&answer, 401), "invalid_client", "{named:?}");
            // A row from before keys were for one algorithm verifies both until it is updated.
            let mut tx = server.app.db.begin().await.unwrap();
            let mut stored = clients::hold(&mut tx, &app.id).await.unwrap().unwrap();
            stored.client.metadata.jwks = vec![jwk(None)];
            clients::update(&mut tx, &stored).await.unwrap();
            tx.commit().await.unwrap();
            server.app.reload_if_changed().await.unwrap();
            for alg in ["RS256", "PS256"] {
                send(&assertion(&app, alg, &format!("old {alg}"))).await.is(200);
            }
            let path = format!("/v1/admin/clients/{}", app.id);
            let shown = server.get_as(&path, &root.access).await.json();
            change(&server, &root, &app, json!({"jwks": shown["jwks"]})).await;
            let answer = send(&assertion(&app, "PS256", "updated")).await;
            assert_eq!(error_of(&answer, 401), "invalid_client", "{named:?}");
        }
        let (server, app) = (
            &server,
            App::register(&server, &root, json!({"type": "service", "audiences": [API]})).await,
        );
        for (named, status) in [(None, 200), (Some("RS256"), 200), (Some("PS256"), 400)] {
            let mut proof = Proof::new(server, &rs256, "POST", TOKEN, &format!("{named:?}"));
            proof.header["alg"] = json!("RS256");
            proof.header["jwk"] = jwk(named);
            let request = server.request(Method::POST, TOKEN).header("dpop", proof.sign());
            let request =
                request.header("authorization", basic(&app.id, app.secret.as_ref().unwrap()));
            let body = form([("grant_type", "client_credentials")]);
            let answer = server.send(request.header("content-type", FORM).body(body)).await;
            assert_eq!(answer.status, status, "{named:?} {}", answer.text);
        }
    })
    .await;
}

/// CVE-2017-15361: a stored key that can be factored no longer authenticates its client.
#[test]
fn a_stored_key_that_can_be_factored_is_refused() {
    let weak = json!({"kty": "RSA", "n": keys::ROCA_N, "e": "AQAB", "alg": "RS256"});
    assert!(public_key(&weak).is_none());
    let mut metadata = ClientMetadata::new("Job".to_owned(), ClientType::Service, grants::ALL);
    metadata.jwks = vec![weak];
    let client = Client::new("job".to_owned(), metadata, Timestamp::from_secs(1));
    let warnings = key_warnings(&client);
    assert!(warnings.len() == 1 && warnings[0].contains("CVE-2017-15361"), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_has_the_claims_of_the_scopes_where_the_client_is_registered_so() {
    on_both("claims of ID tokens", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let path = format!("/v1/admin/users/{ada}");
        let change_user = json!({"name": "Ada", "groups": ["staff"]});
        server.call_as(Method::PATCH, &path, &root.access, change_user).await.is(200);
        let person = Person::new(&server, "ada");
        let client = json!({"type": "web", "skip_consent": true, "id_token_claims": "scopes"});
        let app = App::register(&server, &root, client).await;
        let code = app.code(&person, &[("scope", "openid profile groups")]).await;
        let tokens = app.redeem(&server, &code).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("the nonce")).await;
        assert_eq!(
            (&claims["name"], &claims["preferred_username"]),
            (&json!("Ada"), &json!("ada"))
        );
        assert_eq!(claims["groups"], json!(["staff"]));
        assert!(claims["updated_at"].is_i64() && claims.get("roles").is_none(), "{claims}");
        let refreshed = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
        let refreshed = id_token(&server, &app, &refreshed.is(200).json(), None).await;
        assert_eq!((&refreshed["name"], &refreshed["groups"]), (&json!("Ada"), &json!(["staff"])));
        // Only granted scopes are used, and only while the client may request them.
        let code = app.code(&person, &[("scope", "openid")]).await;
        let few = app.redeem(&server, &code).await.is(200).json();
        let few = id_token(&server, &app, &few, Some("the nonce")).await;
        assert!(few.get("name").is_none() && few.get("groups").is_none(), "{few}");
        change(&server, &root, &app, json!({"scopes": ["openid"]})).await;
        let code = app.code(&person, &[("scope", "openid")]).await;
        app.redeem(&server, &code).await.is(200);
        change(&server, &root, &app, json!({"scopes": null, "id_token_claims": null})).await;
        let code = app.code(&person, &[("scope", "openid profile groups")]).await;
        let tokens = app.redeem(&server, &code).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("the nonce")).await;
        assert!(claims.get("name").is_none() && claims.get("groups").is_none(), "{claims}");
    })
    .await;
}

/// The longest ID token is accepted as a hint, at log-out and at the authorization endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_with_all_its_claims_is_a_hint() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let ada = server.register("ada").await;
    let path = format!("/v1/admin/users/{ada}");
    let labels = |letter: &str, count: usize| -> Vec<String> {
        (0..count).map(|n| format!("{n:02}{}", letter.repeat(120))).collect()
    };
    let groups = json!({"groups": labels("g", 60), "roles": labels("r", 60)});
    server.call_as(Method::PATCH, &path, &root.access, groups).await.is(200);
    let person = Person::new(&server, "ada");
    let bye = "https://app.example.com/bye";
    let client = json!({"type": "web", "skip_consent": true, "id_token_claims": "scopes",
        "post_logout_redirect_uris": [bye]});
    let app = App::register(&server, &root, client).await;
    let nonce = "n".repeat(1_024);
    let scope = ("scope", "openid profile groups roles");
    let code = app.code(&person, &[scope, ("nonce", &nonce)]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let claims = id_token(&server, &app, &tokens, Some(&nonce)).await;
    // One of the two lists fits, and not both.
    let lists = ["groups", "roles"].iter().filter(|name| claims.get(**name).is_some()).count();
    assert_eq!(lists, 1);
    let hint = tokens["id_token"].as_str().unwrap();
    assert!(hint.len() > 11_000, "{}", hint.len());
    let again = app.url(&[("id_token_hint", hint), ("prompt", "none"), ("nonce", "n")]);
    person.visit(&again).await.said("code");
    let out = form([("id_token_hint", hint), ("post_logout_redirect_uri", bye)]);
    let out = person.get(&format!("/oauth2/logout?{out}")).await;
    assert!(out.header("location").starts_with(bye) || out.text.contains(bye), "{}", out.text);
    person.visit(&app.url(&[("prompt", "none")])).await.said("error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_told_which_apis_it_may_name() {
    let (server, root, _) = set().await;
    let ask = async |app: &App, more: &[(&str, &str)]| {
        let fields = [&[("grant_type", "client_credentials")], more].concat();
        let answer = app.call(&server, TOKEN, &fields).await;
        assert_eq!(error_of(&answer, 400), "invalid_target");
        answer.json()["error_description"].as_str().unwrap().to_owned()
    };
    let none = App::register(&server, &root, json!({"type": "service"})).await;
    let command = format!("signet client update {} --audience", none.id);
    assert!(ask(&none, &[]).await.contains(&command));
    assert!(ask(&none, &[("resource", API)]).await.contains(&command));
    let stock = "https://stock.example.com";
    let two =
        App::register(&server, &root, json!({"type": "service", "audiences": [API, stock]})).await;
    for more in [&[][..], &[("resource", "https://other.example")]] {
        let said = ask(&two, more).await;
        assert!(said.contains(API) && said.contains(stock), "{said}");
        assert!(said.contains(&format!("signet client update {} --audience", two.id)), "{said}");
        assert!(!said.contains("other.example"), "{said}");
    }
    let fields = [("grant_type", "client_credentials"), ("resource", stock)];
    two.call(&server, TOKEN, &fields).await.is(200);
}
