//! Displayed names: visible, and without look-alikes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::second_factors::Authenticator;
use crate::support::{Server, on_both};

const UNREADABLE: &[&str] = &[
    "",
    " ",
    "\u{200b}",
    "\u{3164}",
    "\u{2800}",
    "\u{feff}\u{2060}",
    "Ada\u{202e}nimda",
    "\u{2066}Ada\u{2069}",
    "Ada\u{200f}",
    "Ada\u{e0041}\u{e0042}",
    "\u{1f3f4}\u{e0067}\u{e0062}",
    "Ada\u{9b}31m",
    "Ada\n",
    "Ada\u{2028}Byron",
    "Ada\u{2029}Byron",
    "\u{fff9}Ada\u{fffa}Eve\u{fffb}",
];

const READABLE: &[&str] = &[
    "Ada",
    "\u{639}\u{644}\u{64a}",
    "\u{5d0}\u{5d1}",
    "\u{4e2d}\u{3000}\u{6587}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
];

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_names_are_refused_wherever_one_is_written() {
    on_both("unreadable names", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let id = root.claims()["sub"].as_str().unwrap().to_owned();
        let user = format!("/v1/admin/users/{id}");
        let client = |id: &str, name: &str| {
            json!({"client_id": id, "name": name, "type": "web",
            "redirect_uris": ["https://app.example.com/cb"]})
        };
        let call = async |method: Method, path: &str, body: Value| {
            server.call_as(method, path, &root.access, body).await
        };
        call(Method::POST, "/v1/admin/clients", client("shop", "Shop")).await.is(201);
        let bot = json!({"client_id": "bot", "name": "Bot", "type": "service",
        "admin_scopes": ["signet:users"]});
        call(Method::POST, "/v1/admin/clients", bot).await.is(201);
        let api = json!({"identifier": "https://api.example.com", "scopes": ["read"]});
        call(Method::POST, "/v1/admin/apis", api).await.is(201);
        let api = "/v1/admin/apis/https%3A%2F%2Fapi.example.com";
        server.register("ada").await;
        let ada = server.login("ada").await;
        let phone = Authenticator::enrol(&server, &ada).await;
        let ada = phone.log_in(&server, "ada").await;
        let factor = format!("/v1/factors/{}", phone.factor);
        for (number, name) in UNREADABLE.iter().chain(READABLE).enumerate() {
            let good = READABLE.contains(name);
            let new = json!({"login": format!("user{number}"), "name": name, "password": null});
            for (method, path, member, body) in [
                (Method::POST, "/v1/admin/users", "name", new),
                (Method::PATCH, &*user, "name", json!({ "name": name })),
                (Method::PATCH, &*user, "roles", json!({ "roles": [name] })),
                (Method::PATCH, &*user, "groups", json!({ "groups": ["sales", name] })),
                (Method::PATCH, "/v1/me", "name", json!({ "name": name })),
                (Method::POST, "/v1/admin/clients", "name", client(&format!("c{number}"), name)),
                (Method::PATCH, "/v1/admin/clients/shop", "name", json!({ "name": name })),
                (
                    Method::POST,
                    "/v1/admin/clients/bot/keys",
                    "name",
                    json!({"name": name, "scopes": ["signet:users"], "expires_in": 86_400}),
                ),
                (
                    Method::PATCH,
                    api,
                    "scope_descriptions",
                    json!({"scope_descriptions": {"read": name}}),
                ),
                (Method::PATCH, &*factor, "name", json!({ "name": name })),
            ] {
                let answer = match path == factor {
                    true => server.call_as(method, path, &ada.access, body).await,
                    false => call(method, path, body).await,
                };
                if good {
                    assert!(answer.status < 300, "{path} {name:?}: {}", answer.text);
                } else {
                    let problem = answer.is_problem(422, "validation_failed").json();
                    assert_eq!(problem["errors"][0]["field"], member, "{path} {name:?}");
                }
            }
        }
    })
    .await;
}
