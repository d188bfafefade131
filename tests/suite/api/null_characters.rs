//! U+0000, which PostgreSQL cannot store: refused in every input, and never a fault.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use signet::domain::claims::TokenType;
use signet::domain::signing_key::SigningAlg;
use signet::http::openapi::document;

use crate::support::relying_party::{FORM, Person, field, form};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Server, on_both};

/// A value of a member with U+0000, for every place where its schema has a text.
fn values(schema: &Value) -> Vec<Value> {
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        only => vec![only.clone()],
    };
    let mut found = Vec::new();
    for kind in types {
        match kind.as_str() {
            Some("string") => found.extend([json!("\0"), json!("a\0b"), json!("a\0")]),
            Some("array") => found.extend([json!(["a", "b\0"]), json!([{"kty": "EC\0"}])]),
            Some("object") => found.extend([
                json!({"a": "\0"}),
                json!({"a\0": "b"}),
                json!({"keys": [{"kty": "EC", "key_ops": ["verify", "\0"]}]}),
            ]),
            _ => found.push(json!("\0")),
        }
    }
    found
}

async fn everywhere_in_the_api(server: &Server, root: &Tokens) {
    let document = document("https://login.example.org");
    let id = root.claims()["sub"].as_str().unwrap().to_owned();
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let at = path
                .replace("{id}", &id)
                .replace("{client_id}", "x")
                .replace("{kid}", "x")
                .replace("{factor_id}", &id);
            // In a variable of the path.
            if path.contains('{') {
                let (before, rest) = path.split_once('{').unwrap();
                let rest = rest.split_once('}').unwrap().1;
                for name in ["%00", "a%00b"] {
                    let path = format!("{before}{name}{rest}");
                    let answer =
                        server.call_as(method.clone(), &path, &root.access, json!({})).await;
                    answer.is_problem(400, "malformed_request");
                    tried += 1;
                }
            }
            // In a parameter of the query, known or not.
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let names = parameters.iter().map(|parameter| match parameter["$ref"].as_str() {
                Some(name) => document["components"]["parameters"]
                    [name.rsplit('/').next().unwrap()]["name"]
                    .clone(),
                None => parameter["name"].clone(),
            });
            for name in names.chain([json!("x%00")]).map(|name| name.as_str().unwrap().to_owned()) {
                let path = format!("{at}?{name}=%00");
                let answer = server.call_as(method.clone(), &path, &root.access, Value::Null).await;
                assert!(answer.status < 500, "{method} {path}: {}", answer.text);
                // Path and query may be those of the client of a gateway.
                if operation["tags"][0] == "gateways" {
                    assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
                } else if path.starts_with("/v1/") {
                    let named =
                        answer.is_problem(422, "validation_failed").json()["errors"][0]["field"]
                            .clone();
                    assert!(named == *name || name == "x%00", "{method} {path}: {named}");
                }
                tried += 1;
            }
            // In a member of the body.
            let content = &operation["requestBody"]["content"];
            let members = content["application/json"]["schema"]["properties"].as_object();
            for (member, schema) in members.into_iter().flatten() {
                for value in values(schema) {
                    let body = Value::Object(Map::from_iter([(member.clone(), value)]));
                    let answer =
                        server.call_as(method.clone(), &at, &root.access, body.clone()).await;
                    // These are hashed, or are tokens to be explained.
                    let hashed = member.ends_with("password") || member.ends_with("token");
                    assert!(answer.status < 500, "{method} {at} {body}: {}", answer.text);
                    if !hashed {
                        assert_eq!(answer.status, 422, "{method} {at} {body}: {}", answer.text);
                        let errors = answer.json()["errors"].to_string();
                        assert!(errors.contains(member.as_str()), "{at} {body}: {errors}");
                    }
                    tried += 1;
                }
            }
            let fields = content[FORM]["schema"]["properties"].as_object();
            for name in fields.into_iter().flatten().map(|(name, _)| name.as_str()) {
                for grant in ["", "client_credentials", "refresh_token", "authorization_code"] {
                    let body = form(
                        [(name, "a\0b"), ("client_id", "x"), ("grant_type", grant)]
                            .into_iter()
                            .filter(|(other, value)| *value == "a\0b" || *other != name),
                    );
                    let request = server.request(method.clone(), &at).header(CONTENT_TYPE, FORM);
                    let answer = server.send(request.body(body)).await;
                    assert!((400..500).contains(&answer.status), "{at} {name}: {}", answer.text);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

async fn everywhere_on_the_pages(server: &Server) {
    let person = Person::new(server, "fred");
    let page = person.get("/login").await;
    let flow = field(&page.text, "flow");
    let login = [("flow", &*flow), ("login", "a\0b"), ("password", PASSWORD)];
    let answer = person.post("/login", &login).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    let answer =
        person.post("/login", &[("flow", "\0"), ("login", "fred"), ("password", "x")]).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    for path in [
        "/oauth2/authorize?client_id=%00",
        "/oauth2/authorize?request_uri=urn:ietf:params:oauth:request_uri:x&client_id=%00",
        "/oauth2/authorize?client_id=x&state=%00&redirect_uri=%00",
        "/oauth2/logout?client_id=%00&post_logout_redirect_uri=%00",
        "/oauth2/logout?id_token_hint=%00&client_id=x",
        "/device?user_code=%00",
        "/setup/%00",
        "/%00",
        "/account?sessions=%00",
        "/account?%00=1",
    ] {
        let answer = person.get(path).await;
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text);
    }
    // Signed in, with forms that are valid except for the character.
    let page = person.get("/login").await;
    person.log_in(&page, PASSWORD).await;
    let account = person.get("/account").await;
    let csrf = field(&account.is(200).text, "csrf");
    for (path, name) in [
        ("/account/apps/remove", "client_id"),
        ("/account/profile", "name"),
        ("/account/sessions/end", "id"),
    ] {
        let answer = person.post(path, &[("csrf", &csrf), (name, "a\0b")]).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
    }
    let profile = person.get("/account").await;
    assert!(!profile.text.contains("a\0b"));
    let basic = server.request(Method::POST, "/oauth2/introspect").header(CONTENT_TYPE, FORM);
    let basic = basic.basic_auth("\0", Some("\0")).body("token=x");
    assert_eq!(server.send(basic).await.status, 401);
    let named = server.request(Method::GET, "/.well-known/jwks.json?rs=a%00b");
    server.send(named).await.is(200);
}

/// Tokens signed by the server's own key, as only a thief of it could create them: their claims reach every
/// statement for a token.
async fn in_the_claims_of_a_token(server: &Server, root: &Tokens) {
    let keyring = server.app.keyring();
    let body = json!({"client_id": "rs", "name": "Rs", "type": "service"});
    let made = server.call_as(Method::POST, "/v1/admin/clients", &root.access, body).await;
    let secret = made.is(201).string("client_secret");
    let names = root.claims().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for name in names.iter().map(String::as_str).chain(["act", "cnf", "nonce"]) {
        // A new session for each: an accepted log-out ends it.
        let good = server.login("fred").await.claims();
        for value in [json!("\0"), json!("a\0b"), json!(["\0"]), json!({"\0": "\0"})] {
            let mut claims = good.clone();
            claims[name] = value;
            let signer = keyring.signer(SigningAlg::Es256).unwrap();
            let token = signer.sign(TokenType::AtJwt, &claims).unwrap();
            let why = json!({ "token": token });
            for answer in [
                server.get_as("/v1/me", &token).await,
                server.get_as("/oauth2/userinfo", &token).await,
                server.call_as(Method::POST, "/v1/logout", &token, Value::Null).await,
                server.call_as(Method::POST, "/v1/admin/tokens/why", &root.access, why).await,
                ask(server, &secret, "/oauth2/introspect", &[("token", &token)]).await,
                ask(server, &secret, "/oauth2/revoke", &[("token", &token)]).await,
            ] {
                assert!(answer.status < 500, "{name}: {}", answer.text);
            }
        }
    }
}

async fn ask(server: &Server, secret: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = server.request(Method::POST, path).header(CONTENT_TYPE, FORM);
    let request = request.basic_auth("rs", Some(secret));
    server.send(request.body(form(fields.iter().copied()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_a_null_character_is_refused_wherever_it_enters() {
    on_both("null characters", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("fred").await;
        everywhere_in_the_api(&server, &root).await;
        everywhere_on_the_pages(&server).await;
        in_the_claims_of_a_token(&server, &root).await;
        // Nothing of it was stored, and everything can be listed.
        for list in ["users", "clients", "apis", "sessions", "audit"] {
            let listed = server.get_as(&format!("/v1/admin/{list}"), &root.access).await;
            assert!(!listed.is(200).text.contains("\\u0000"), "{list}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_may_contain_a_null_character() {
    on_both("passwords with null characters", async |backend| {
        let server = Server::start(backend).await;
        let password = "correct\0horse battery";
        let account = json!({"login": "ada", "password": password});
        server.post("/v1/register", account.clone()).await.is(201);
        let tokens = Tokens::of(&server.post("/v1/login", account).await);
        server.try_login("ada", "correct").await.is_problem(401, "invalid_credentials");
        let page = Person::new(&server, "ada");
        let form = page.get("/login").await;
        assert_eq!(page.log_in(&form, password).await.status, 303);
        let change = json!({"current_password": password, "new_password": "another\0good one"});
        server.call_as(Method::POST, "/v1/password", &tokens.access, change).await.is(204);
        server.try_login("ada", "another\0good one").await.is(200);
    })
    .await;
}
