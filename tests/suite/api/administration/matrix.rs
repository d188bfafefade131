//! The access matrix: every action by every role, scope and kind of target.
//!
//! Generated from the permission table and the route table, so that a new action or route is included or fails the
//! test.

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::clients::Change;
use signet::domain::attributes::{Attributes, Subject};
use signet::domain::client::ClientType;
use signet::domain::permission::{Action, AdminScope, Object, TargetKind};
use signet::domain::user::Role;
use signet::http::routes::{Access, Route, TABLE};
use signet::store::users;

use super::{Place, client_path, user_path};
use crate::support::on_both;
use crate::support::server::{Answer, PASSWORD};

/// Actions without a route of their own, which are a member in the body of another action.
const WITHOUT_ROUTE: &[Action] = &[Action::GrantAdminScopes];

/// Changes that are allowed but do not apply to the targets of this test. Every other allowed change is made.
const NOT_DONE: &[(&str, &str, u16)] = &[
    ("DELETE", "/v1/admin/users/{id}/factors/{factor_id}", 404),
    ("DELETE", "/v1/admin/users/{id}/api-keys/{key_id}", 404),
    ("POST", "/v1/admin/users/{id}/invite", 409),
    ("POST", "/v1/admin/apis", 409),
    ("PATCH", "/v1/admin/apis/{id}", 404),
    ("DELETE", "/v1/admin/apis/{id}", 404),
    ("POST", "/v1/admin/clients/{client_id}/keys", 409),
    ("DELETE", "/v1/admin/clients/{client_id}/keys/{key_id}", 404),
    ("POST", "/v1/admin/client-documents/block", 404),
    ("POST", "/v1/admin/client-documents/unblock", 404),
    ("POST", "/v1/admin/trusted-issuers", 409),
    ("DELETE", "/v1/admin/trusted-issuers/{name}", 404),
    ("POST", "/v1/admin/keys/{kid}/retire", 404),
];

/// A logo.
const PICTURE: &[u8] = include_bytes!("../../../browser/photos.png");

/// A caller.
struct Caller {
    name: String,
    token: String,
    role: Option<Role>,
    scope: Option<AdminScope>,
}

impl Caller {
    /// Whether the table allows this caller the action on a target of this kind.
    fn may(&self, action: Action, kind: TargetKind) -> bool {
        let permission = action.permission();
        let by_scope =
            self.scope.is_some_and(|scope| permission.all_scopes().any(|one| one == scope));
        let by_role = match self.role {
            Some(role) => permission.all_roles().any(|one| one == role),
            None => !permission.needs_fresh_user,
        };
        // Creating a client with administration scopes requires the right to grant them.
        if (action, kind) == (Action::CreateClient, TargetKind::AdminClient) {
            return by_scope && self.may(Action::GrantAdminScopes, kind);
        }
        let is_full = self.scope == Some(AdminScope::Admin)
            && self.role.is_none_or(|role| role == Role::Admin);
        by_scope && by_role && (kind == TargetKind::Ordinary || is_full)
    }
}

/// A user of each role with each scope, and a service client and a key with each scope. Most combinations cannot be
/// granted to users: the role is changed in the database afterwards, without ending the session.
async fn callers(place: &Place) -> Vec<Caller> {
    let mut all = Vec::new();
    for role in Role::ALL {
        let login = format!("caller-{}", role.as_str().trim_start_matches("signet:"));
        let id = place.user(&login, Role::Admin, Some(PASSWORD)).await;
        let scopes = AdminScope::ALL.iter().copied().map(Some).chain([None]);
        for scope in scopes {
            let token = place.log_in(&login, scope.map_or("", AdminScope::as_str)).await.access;
            let name = format!("{role} {scope:?}");
            all.push(Caller { name, token, role: Some(*role), scope });
        }
        let subject = Subject { role: *role, attributes: Attributes::default(), email: None };
        let mut tx = place.server.app.db.begin().await.unwrap();
        users::update(&mut tx, id, None, &subject, place.server.now()).await.unwrap();
        tx.commit().await.unwrap();
    }
    for scope in AdminScope::ALL {
        let id = format!("caller-{}", scope.as_str().trim_start_matches("signet:"));
        let secret = place.service(&id, &[scope.as_str()]).await;
        let token = place.service_token(&id, &secret, scope.as_str()).await;
        all.push(Caller {
            name: format!("client {scope}"),
            token,
            role: None,
            scope: Some(*scope),
        });
        let body = json!({"name": "Key", "scopes": [scope], "expires_in": 3600});
        let path = format!("{}/keys", client_path(&id));
        let token = place.call(&place.root.access, Method::POST, &path, body).await.string("key");
        all.push(Caller { name: format!("key {scope}"), token, role: None, scope: Some(*scope) });
    }
    all
}

/// The target of an action.
struct Target {
    kind: TargetKind,
    user: String,
    session: String,
    client: String,
    number: usize,
}

async fn target(place: &Place, object: Object, kind: TargetKind, number: usize) -> Target {
    let name = format!("target-{number}");
    let mut target = Target {
        kind,
        user: "00000000-0000-7000-8000-000000000000".to_owned(),
        session: "00000000-0000-7000-8000-000000000000".to_owned(),
        client: "nothing".to_owned(),
        number,
    };
    match object {
        Object::None => {}
        Object::User => {
            let role = if kind == TargetKind::Ordinary { Role::User } else { Role::Auditor };
            target.user = place.user(&name, role, Some(PASSWORD)).await.to_string();
            let tokens = place.server.login(&name).await;
            target.session = tokens.claims()["sid"].as_str().unwrap().to_owned();
        }
        Object::Client => {
            let uri = Some(vec!["https://a.example/cb".to_owned()]);
            let (client_type, change) = match kind {
                TargetKind::AdminClient => (
                    ClientType::Service,
                    Change {
                        admin_scopes: Some(vec!["signet:read".to_owned()]),
                        ..Change::default()
                    },
                ),
                TargetKind::FirstPartyClient => (
                    ClientType::Web,
                    Change { first_party: Some(true), redirect_uris: uri, ..Change::default() },
                ),
                TargetKind::Ordinary | TargetKind::SignetUser => {
                    (ClientType::Web, Change { redirect_uris: uri, ..Change::default() })
                }
            };
            place.client(&name, client_type, change).await;
            target.client = name;
        }
    }
    target
}

/// The request of a route for this target.
fn request(route: &Route, target: &Target) -> (String, Value) {
    let path = route
        .path
        .replace("{factor_id}", &target.session)
        .replace("{key_id}", &target.session)
        .replace("{kid}", "nothing")
        .replace("{name}", "nothing")
        .replace("{client_id}", &target.client);
    let id = if path.starts_with("/v1/admin/sessions") { &target.session } else { &target.user };
    let path = path.replace("{id}", id);
    let name = format!("made-{}", target.number);
    let body = match (route.method, route.path) {
        ("POST", "/v1/admin/users") => {
            let role = if target.kind == TargetKind::Ordinary { "user" } else { "signet:auditor" };
            json!({"login": name, "role": role})
        }
        ("PATCH", "/v1/admin/users/{id}") => json!({"name": "Other"}),
        ("POST", "/v1/admin/users/{id}/password") => json!({"password": "plaid sofa under rain"}),
        ("POST", "/v1/admin/apis") => json!({"identifier": format!("urn:{name}")}),
        ("PATCH", "/v1/admin/apis/{id}") => json!({"scopes": []}),
        ("POST", "/v1/admin/trusted-issuers") => {
            json!({"name": name, "issuer": format!("https://{name}.example")})
        }
        ("POST", "/v1/admin/clients") => match target.kind {
            TargetKind::FirstPartyClient => json!({"client_id": name, "name": "C", "type": "web",
                "redirect_uris": ["https://a.example/cb"], "first_party": true}),
            TargetKind::AdminClient => json!({"client_id": name, "name": "C", "type": "service",
                "admin_scopes": ["signet:read"]}),
            _ => json!({"client_id": name, "name": "C", "type": "service"}),
        },
        ("PATCH", "/v1/admin/clients/{client_id}") => json!({"name": "Other"}),
        ("POST", "/v1/admin/clients/{client_id}/keys") => {
            json!({"name": "K", "scopes": ["signet:read"], "expires_in": 60})
        }
        ("POST", "/v1/admin/keys/rotate") => json!({"alg": "ES256"}),
        ("POST", "/v1/admin/sessions/end") => json!({"user_id": target.user}),
        ("POST", "/v1/admin/tokens/why") => json!({"token": "x"}),
        ("POST", "/v1/admin/client-documents/block" | "/v1/admin/client-documents/unblock") => {
            json!({"client_id": "https://app.example/nothing"})
        }
        _ => Value::Null,
    };
    let query = match (route.method, route.path) {
        ("DELETE", "/v1/admin/sessions") => format!("?user_id={}", target.user),
        ("GET", "/v1/admin/users/why") => "?login=nobody".to_owned(),
        _ => String::new(),
    };
    (format!("{path}{query}"), body)
}

async fn send(place: &Place, route: &Route, caller: &Caller, target: &Target) -> Answer {
    let (path, body) = request(route, target);
    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
    if route.path.ends_with("/logo") && route.method == "PUT" {
        let request = place.server.request(method, &path).bearer_auth(&caller.token);
        return place.server.send(request.body(PICTURE)).await;
    }
    place.call(&caller.token, method, &path, body).await
}

/// Every administrative route names an action, and every action has a route or a documented exception.
#[test]
fn every_administrative_route_names_an_action_of_the_table() {
    let mut routed = Vec::new();
    for route in TABLE {
        let is_administrative = route.path.starts_with("/v1/admin/");
        match route.access {
            Access::Admin(action) => routed.push(action),
            _ => assert!(!is_administrative, "{} {} has no action", route.method, route.path),
        }
        assert_eq!(matches!(route.access, Access::Admin(_)), is_administrative, "{}", route.path);
    }
    for action in Action::ALL {
        let has_route = routed.contains(action);
        let excused = WITHOUT_ROUTE.contains(action);
        assert!(has_route != excused, "{action}: a route, or a place in the list of those without");
    }
}

/// Each caller can do exactly what the table allows, for each kind of target. Refusals change nothing: the same
/// target is used for the next caller, and for the one who may act.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_and_scope_may_do_what_the_table_says_to_each_kind_of_target() {
    on_both("access matrix", async |backend| {
        let place = Place::on(backend).await;
        let callers = callers(&place).await;
        let mut number = 0;
        let mut wrong = Vec::new();
        for route in TABLE {
            let Access::Admin(action) = route.access else { continue };
            let object = action.permission().object;
            for kind in TargetKind::of_object(object) {
                // The client of a document is neither an administrator nor first-party.
                let is_document = route.path.ends_with("/client-documents/block")
                    || route.path.ends_with("/client-documents/unblock");
                if is_document
                    && matches!(kind, TargetKind::FirstPartyClient | TargetKind::AdminClient)
                {
                    continue;
                }
                number += 1;
                let mut current = target(&place, object, *kind, number).await;
                for caller in &callers {
                    let answer = send(&place, route, caller, &current).await;
                    if caller.may(action, *kind) {
                        let expected = (route.method, route.path, answer.status);
                        let reads_nothing = (route.method, answer.status) == ("GET", 404);
                        let is_done = answer.status < 300 || reads_nothing;
                        if !is_done && !NOT_DONE.contains(&expected) {
                            wrong.push(format!("{} {kind} {action}: {}", caller.name, answer.text));
                        }
                        if object != Object::None {
                            number += 1;
                            current = target(&place, object, *kind, number).await;
                        }
                    } else if answer.status != 403
                        || !["insufficient_scope", "forbidden"].contains(&&*answer.code())
                    {
                        wrong.push(format!("{} {kind} {action}: {}", caller.name, answer.text));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{:#?}", wrong);
    })
    .await;
}

/// No action lets an administrator act as another user: no route of administration returns tokens.
#[tokio::test(flavor = "multi_thread")]
async fn no_route_of_administration_gives_tokens_of_a_user() {
    on_both("no impersonation", async |backend| {
        let place = Place::on(backend).await;
        let ada = place.user("ada", Role::User, Some(PASSWORD)).await;
        let path = format!("{}/token-preview", user_path(ada));
        let preview = place.server.get_as(&path, &place.root.access).await;
        assert!(preview.is(200).json().get("access_token").is_none());
        let document = place.server.get("/v1/openapi.json").await.is(200).json();
        for (path, methods) in document["paths"].as_object().unwrap() {
            if path.starts_with("/v1/admin/") {
                let text = methods.to_string();
                assert!(
                    !text.contains("\"access_token\"") && !text.contains("\"refresh_token\""),
                    "{path}"
                );
            }
        }
    })
    .await;
}
