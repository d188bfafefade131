//! The roles `signet:auditor` and `signet:helpdesk`, and the reserved names of roles.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::attributes::{Attributes, Subject};
use signet::domain::user::Role;
use signet::store::users;

use super::{Place, USERS, client_path, user_path};
use crate::support::on_both;
use crate::support::server::{Options, PASSWORD};

/// An auditor can read everything, the audit trail with its own scope, and change nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_and_changes_nothing() {
    on_both("auditor", async |backend| {
        let place = Place::on(backend).await;
        let ada = place.user("ada", Role::User, None).await;
        place.service("bot", &["signet:users"]).await;
        let auditor = place.administrator("vera", Role::Auditor, "signet:read signet:audit").await;
        let access = &auditor.access;
        for path in [
            USERS,
            &user_path(ada),
            "/v1/admin/clients",
            "/v1/admin/apis",
            "/v1/admin/keys",
            "/v1/admin/sessions",
            "/v1/admin/audit",
            &format!("{}/keys", client_path("bot")),
        ] {
            let answer = place.server.get_as(path, access).await;
            answer.is(200);
            assert!(!answer.text.contains("secret\":\""), "{path}");
        }
        let disable = format!("{}/disable", user_path(ada));
        let refused = place.call(access, Method::POST, &disable, Value::Null).await;
        refused.is_problem(403, "insufficient_scope");
        let only = place.log_in("vera", "signet:read").await;
        let trail = place.server.get_as("/v1/admin/audit", &only.access).await;
        trail.is_problem(403, "insufficient_scope");
        place.try_log_in("vera", "signet:users").await.is_problem(400, "invalid_scope");
        place.try_log_in("vera", "signet:admin").await.is_problem(400, "invalid_scope");
    })
    .await;
}

/// Application roles cannot begin with `signet:`, in any spelling, at the API; the roles themselves are set by an
/// administrator, one for each user, and tokens of APIs name only `admin`.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_begin_with_signet_are_no_application_roles() {
    on_both("reserved roles", async |backend| {
        let place = Place::on(backend).await;
        let root = &place.root.access;
        for name in ["signet:auditor", "SIGNET:Auditor", "signet:", "signet:else", "Admin", "user"]
        {
            let body = json!({"login": "ada", "roles": [name]});
            let refused = place.call(root, Method::POST, USERS, body).await;
            let error = refused.is_problem(422, "validation_failed").json()["errors"][0].clone();
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!("roles"), &json!("reserved")),
                "{name}"
            );
        }
        let ada = place.user("ada", Role::User, None).await;
        for name in ["signet:helpdesk", "sIgnet:x"] {
            let body = json!({"roles": ["support", name]});
            let refused = place.call(root, Method::PATCH, &user_path(ada), body).await;
            assert_eq!(refused.is(422).json()["errors"][0]["code"], "reserved");
        }
        let set = async |role: &str| {
            place.call(root, Method::PATCH, &user_path(ada), json!({ "role": role })).await
        };
        assert_eq!(set("signet:x").await.is(422).json()["errors"][0]["field"], "role");
        assert_eq!(set("signet:helpdesk").await.is(200).json()["role"], "signet:helpdesk");
        let claims = json!({"claims": {"signet:role": "admin"}});
        place.call(root, Method::PATCH, &user_path(ada), claims).await.is(422);
        let scopes = json!({"identifier": "https://api.example.com", "scopes": ["signet:users"]});
        place.call(root, Method::POST, "/v1/admin/apis", scopes).await.is(422);
    })
    .await;
}

/// A row of an earlier version with such an application role stays readable, and its other roles can be changed.
#[tokio::test(flavor = "multi_thread")]
async fn roles_of_earlier_versions_stay() {
    on_both("old reserved roles", async |backend| {
        let place = Place::on(backend).await;
        let ada = place.user("ada", Role::User, None).await;
        let attributes =
            Attributes { roles: vec!["signet:old".to_owned()], ..Attributes::default() };
        let subject = Subject { role: Role::User, attributes, email: None };
        let mut tx = place.server.app.db.begin().await.unwrap();
        assert!(users::update(&mut tx, ada, None, &subject, place.server.now()).await.unwrap());
        tx.commit().await.unwrap();
        let root = &place.root.access;
        let path = user_path(ada);
        let shown = place.server.get_as(&path, root).await.is(200).json();
        assert_eq!(shown["roles"], json!(["signet:old"]));
        let more = json!({"roles": ["signet:old", "support"]});
        let changed = place.call(root, Method::PATCH, &path, more).await.is(200).json();
        assert_eq!(changed["roles"], json!(["signet:old", "support"]));
        let other = json!({"roles": ["signet:old", "signet:new"]});
        place.call(root, Method::PATCH, &path, other).await.is(422);
        place.call(root, Method::PATCH, &path, json!({"roles": []})).await.is(200);
    })
    .await;
}

/// Where administrators need a second factor, so do all users with a role of Signet's own.
#[tokio::test(flavor = "multi_thread")]
async fn every_role_of_signets_own_needs_the_second_factor_of_administrators() {
    on_both("second factor of roles", async |backend| {
        let server = Options::on(backend).with("SIGNET_SECOND_FACTOR", "admins").start().await;
        server.create_administrator("root").await;
        let place = Place { root: server_tokens(), server };
        for (login, role) in [("vera", Role::Auditor), ("hugo", Role::Helpdesk)] {
            place.user(login, role, Some(PASSWORD)).await;
            let answer = place.try_log_in(login, "signet:read").await;
            answer.is_problem(401, "enrolment_required");
        }
        place.user("ada", Role::User, Some(PASSWORD)).await;
        place.server.login("ada").await;
    })
    .await;
}

fn server_tokens() -> crate::support::server::Tokens {
    crate::support::server::Tokens { access: String::new(), refresh: String::new() }
}

/// Removing a role ends the sessions of the user at once; a remaining token has no rights.
#[tokio::test(flavor = "multi_thread")]
async fn taking_a_role_away_ends_the_sessions() {
    on_both("role taken away", async |backend| {
        let place = Place::on(backend).await;
        let auditor = place.administrator("vera", Role::Auditor, "signet:read").await;
        let vera = auditor.claims()["sub"].as_str().unwrap().parse().unwrap();
        let path = user_path(vera);
        let root = &place.root.access;
        place.call(root, Method::PATCH, &path, json!({"role": "signet:helpdesk"})).await.is(200);
        place.server.get_as(USERS, &auditor.access).await.is_problem(401, "invalid_token");
        let helpdesk = place.log_in("vera", "signet:users").await;
        place.server.advance(TimeSpan::from_secs(1));
        place.call(root, Method::PATCH, &path, json!({"role": "admin"})).await.is(200);
        place.server.get_as(USERS, &helpdesk.access).await.is(200);
        place.call(root, Method::PATCH, &path, json!({"role": "user"})).await.is(200);
        place.server.get_as(USERS, &helpdesk.access).await.is_problem(401, "invalid_token");
        place.try_log_in("vera", "signet:users").await.is_problem(400, "invalid_scope");
    })
    .await;
}
