//! `/v1/login` for registered clients: first-party ones only, within their audiences and scopes.

use reqwest::Method;
use serde_json::{Value, json};
use signet::execute;

use crate::support::relying_party::App;
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const BANK: &str = "https://bank.example.com";
const SHOP: &str = "https://shop.example.com";

struct Place {
    server: Server,
    root: Tokens,
}

impl Place {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        for (api, scopes) in [(BANK, json!(["transfer"])), (SHOP, json!(["read", "write"]))] {
            let api = json!({"identifier": api, "scopes": scopes});
            server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        }
        Self { server, root }
    }

    async fn client(&self, client: Value) -> App {
        App::register(&self.server, &self.root, client).await
    }

    async fn change(&self, app: &App, change: Value) {
        let path = format!("/v1/admin/clients/{}", app.id);
        self.server.call_as(Method::PATCH, &path, &self.root.access, change).await.is(200);
    }

    /// The administrator, who may get more than other users, logs in through a client.
    async fn login(&self, client_id: &str, asked: Value) -> Answer {
        let mut body = json!({"login": "root", "password": PASSWORD, "client_id": client_id});
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        self.server.post("/v1/login", body).await
    }
}

fn native(more: Value) -> Value {
    let mut client = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"]});
    client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn only_first_party_clients_log_users_in_at_v1() {
    on_both("first-party clients", async |backend| {
        let place = Place::on(backend).await;
        let third = [
            json!({"type": "spa", "audiences": [SHOP]}),
            native(json!({"audiences": [SHOP]})),
            // Skipping consent does not make a client first-party.
            native(json!({"audiences": [SHOP], "skip_consent": true})),
        ];
        for client in third {
            let is_spa = client["type"] == "spa";
            let app = place.client(client).await;
            for asked in [json!({}), json!({"audience": SHOP}), json!({"scope": "signet:admin"})] {
                let refused = place.login(&app.id, asked).await;
                refused.is_problem(400, "invalid_client");
                let command = format!("signet client update {} --first-party true", app.id);
                // An application in a browser never is, so no command that would fail is suggested.
                assert_eq!(refused.text.contains(&command), !is_spa, "{}", refused.text);
            }
        }
        // A client that authenticates cannot do so here, first-party or not.
        for first_party in [true, false] {
            let web = json!({"type": "web", "audiences": [SHOP], "first_party": first_party});
            let web = place.client(web).await;
            let refused = place.login(&web.id, json!({})).await;
            refused.is_problem(400, "invalid_client");
            for word in ["/oauth2/authorize", "native"] {
                assert!(refused.text.contains(word), "{}", refused.text);
            }
        }
        let own = place.client(native(json!({"audiences": [SHOP], "first_party": true}))).await;
        place.login(&own.id, json!({"audience": SHOP, "scope": "read"})).await.is(200);
        place.change(&own, json!({"first_party": false})).await;
        place.login(&own.id, json!({"audience": SHOP})).await.is_problem(400, "invalid_client");
        place.change(&own, json!({"first_party": true})).await;
        let disable = format!("/v1/admin/clients/{}/disable", own.id);
        place.server.call_as(Method::POST, &disable, &place.root.access, json!({})).await.is(200);
        place.login(&own.id, json!({"audience": SHOP})).await.is_problem(400, "invalid_client");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_party_client_gets_nothing_beyond_its_audiences_and_scopes() {
    on_both("first-party narrowing", async |backend| {
        let place = Place::on(backend).await;
        let own = json!({"audiences": [SHOP], "scopes": ["read"], "first_party": true});
        let own = place.client(native(own)).await;
        for (asked, wanted) in [
            (json!({"audience": SHOP, "scope": "read"}), Ok("read")),
            (json!({"audience": SHOP}), Ok("")),
            (json!({}), Ok("")),
            (json!({"audience": BANK}), Err("invalid_target")),
            (json!({"audience": BANK, "scope": "transfer"}), Err("invalid_target")),
            (json!({"audience": "https://nowhere.example"}), Err("invalid_target")),
            // All scopes or none.
            (json!({"audience": SHOP, "scope": "write"}), Err("invalid_scope")),
            (json!({"audience": SHOP, "scope": "read write"}), Err("invalid_scope")),
            (json!({"scope": "signet:admin"}), Err("invalid_scope")),
            (json!({"audience": SHOP, "scope": "read signet:admin"}), Err("invalid_scope")),
        ] {
            let answer = place.login(&own.id, asked.clone()).await;
            match wanted {
                Ok(scope) => {
                    assert_eq!(answer.is(200).json()["scope"], scope, "{asked}");
                    assert_eq!(Tokens::of(&answer).claims()["client_id"], *own.id);
                }
                Err(code) => {
                    answer.is_problem(400, code);
                }
            }
        }
        // Without scopes of its own it may have all that its audiences offer, and none of the issuer's.
        place.change(&own, json!({"scopes": null})).await;
        let wide = json!({"audience": SHOP, "scope": "read write"});
        place.login(&own.id, wide).await.is(200);
        let admin = place.login(&own.id, json!({"scope": "signet:admin"})).await;
        admin.is_problem(400, "invalid_scope");
        // The built-in client is unaffected.
        let admin = place.login("signet", json!({"scope": "signet:admin"})).await;
        assert_eq!(admin.is(200).json()["scope"], "signet:admin");
    })
    .await;
}

/// Sessions of clients that could log in before this check existed: scopes that they should not have are not renewed.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_gives_no_more_than_the_client_may_have_now() {
    on_both("first-party refresh", async |backend| {
        let place = Place::on(backend).await;
        let own = place.client(native(json!({"audiences": [SHOP], "first_party": true}))).await;
        let both = json!({"audience": SHOP, "scope": "read write"});
        let tokens = Tokens::of(&place.login(&own.id, both).await);
        place.change(&own, json!({"scopes": ["read"]})).await;
        let answer = place.server.refresh(&tokens.refresh).await;
        assert_eq!(answer.is(200).json()["scope"], "read");
        place.change(&own, json!({"audiences": [BANK]})).await;
        let refused = place.server.refresh(&Tokens::of(&answer).refresh).await;
        refused.is_problem(401, "refresh_token_invalid");

        let admin = Tokens::of(&place.login("signet", json!({"scope": "signet:admin"})).await);
        let sid = admin.claims()["sid"].as_str().unwrap().to_owned();
        let sid = sid.parse::<signet::base::id::SessionId>().unwrap();
        let mut tx = place.server.app.db.begin().await.unwrap();
        let renamed =
            execute!(&mut tx, "UPDATE sessions SET client_id = $1 WHERE id = $2", &*own.id, sid);
        assert_eq!(renamed.unwrap(), 1);
        tx.commit().await.unwrap();
        let answer = place.server.refresh(&admin.refresh).await;
        assert_eq!(answer.is(200).json()["scope"], "");
        let refused = place.server.get_as("/v1/admin/users", &Tokens::of(&answer).access).await;
        refused.is_problem(403, "insufficient_scope");
    })
    .await;
}

/// Removing the flag takes effect at the next refresh of existing sessions.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_first_party_no_more_refreshes_nothing_at_v1() {
    on_both("first-party taken away", async |backend| {
        let place = Place::on(backend).await;
        let own = place.client(native(json!({"audiences": [SHOP], "first_party": true}))).await;
        let asked = json!({"audience": SHOP, "scope": "read"});
        let tokens = Tokens::of(&place.login(&own.id, asked).await);
        let tokens = Tokens::of(&place.server.refresh(&tokens.refresh).await);
        place.change(&own, json!({"first_party": false})).await;
        for _ in 0..2 {
            let refused = place.server.refresh(&tokens.refresh).await;
            refused.is_problem(401, "refresh_token_invalid");
        }
        // No session has ended: an administrator who undoes it has logged no user out.
        place.change(&own, json!({"first_party": true})).await;
        place.server.refresh(&tokens.refresh).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_scope_is_named_with_the_reason() {
    let place = Place::on(Backend::Sqlite).await;
    let own = json!({"audiences": [SHOP], "scopes": ["read"], "first_party": true});
    let own = place.client(native(own)).await;
    place.server.register("ada").await;
    let refused = |answer: Answer, words: &[&str]| {
        answer.is_problem(400, "invalid_scope");
        for word in words {
            assert!(answer.text.contains(word), "{word}: {}", answer.text);
        }
    };
    let shop = |scope: &str| json!({"audience": SHOP, "scope": scope});
    refused(place.login(&own.id, shop("read write")).await, &["The scope write ", &own.id]);
    let admin = place.login(&own.id, json!({"scope": "signet:admin"})).await;
    refused(admin, &["The scope signet:admin ", "built-in client"]);
    refused(place.login("signet", shop("read nothing")).await, &["The scope nothing ", SHOP]);
    let unaimed = place.login("signet", json!({"scope": "read"})).await;
    refused(unaimed, &["The scope read ", "needs its audience"]);
    let body = json!({"login": "ada", "password": PASSWORD, "scope": "signet:admin"});
    let user = place.server.post("/v1/login", body).await;
    refused(user, &["The scope signet:admin ", "this user"]);
}
