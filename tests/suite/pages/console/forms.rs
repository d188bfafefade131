//! Forms of the console with fields: access, and errors beside their fields.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, confirm, id_of, sign_in, started};
use crate::support::on_both;
use crate::support::relying_party::field;

/// If the sign-in is older than five minutes, the page of a form requires a new one before any field is filled in, and
/// then continues with the form, which works.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_sign_in_is_renewed_before_a_form_is_filled_in() {
    on_both("console: forms and fresh sign-in", async |backend| {
        let server = started(backend).await;
        let admin = server.administrator("second").await;
        let body = json!({"client_id": "bot", "name": "Bot", "type": "service"});
        server.call_as(Method::POST, "/v1/admin/clients", &admin.access, body).await.is(201);
        let root = administrator(&server).await;
        for (path, filled) in [
            ("/admin/users/new", vec![("login", "ida")]),
            ("/admin/clients/bot/admin-scopes", vec![("admin_scopes", "signet:read")]),
            ("/admin/apis/new", vec![("identifier", "https://api.example.com")]),
        ] {
            let fresh = root.get(path).await;
            let (csrf, form) = (field(&fresh.is(200).text, "csrf"), field(&fresh.text, "form"));
            server.advance(TimeSpan::from_mins(6));
            let fields = [("csrf", &*csrf), ("form", &form)];
            let fields: Vec<_> = fields.into_iter().chain(filled.iter().copied()).collect();
            let late = root.post(path, &fields).await;
            assert_eq!(root.below_base(late.is(303).header("location")), path);
            let stale = root.get(path).await;
            assert!(stale.is(200).text.contains("older than 5 minutes"), "{}", stale.text);
            assert!(!stale.text.contains(&format!("name=\"{}\"", filled[0].0)), "{}", stale.text);
            let (_, to) = stale.text.split_once("href=\"/login?to=console").unwrap();
            let to = to.split_once('"').unwrap().0.replace("&#38;", "&");
            assert_eq!(sign_in(&root, &format!("/login?to=console{to}"), "root").await, path);
            let done = confirm(&root, path, &filled).await;
            assert!([200, 303].contains(&done.status), "{path}: {}", done.text);
        }
        id_of(&root, "ida").await;
    })
    .await;
}

/// A kept result of a form is returned only while its sender may still make the request: an administrator who was
/// demoted in the meantime is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_form_result_needs_the_right_to_the_action() {
    on_both("console: kept forms", async |backend| {
        let server = started(backend).await;
        let second = server.administrator("second").await;
        let body = json!({"client_id": "bot", "name": "Bot", "type": "service"});
        server.call_as(Method::POST, "/v1/admin/clients", &second.access, body).await.is(201);
        let gone = with_role(&server, "gone", Role::Admin).await;
        let path = "/admin/clients/bot/rotate-secret";
        let page = gone.get(path).await;
        let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
        let fields = [("csrf", &*csrf), ("form", &*form)];
        let once = gone.post(path, &fields).await;
        let twice = gone.post(path, &fields).await;
        assert_eq!(super::actions::secret_of(&once), super::actions::secret_of(&twice));
        let id = id_of(&administrator(&server).await, "gone").await;
        let user = format!("/v1/admin/users/{id}");
        let demoted = json!({"role": "signet:helpdesk"});
        server.call_as(Method::PATCH, &user, &second.access, demoted).await.is(200);
        let refused = gone.post(path, &fields).await;
        assert!([303, 403].contains(&refused.status), "{}", refused.text);
        assert!(!refused.text.contains("client_secret</dt>"), "{}", refused.text);
    })
    .await;
}

/// A value outside of the choices of a form, and a name of no object, are errors of their field; an empty field is
/// not reported as ignored.
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_shown_beside_their_field() {
    on_both("console: mistakes of fields", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let beside = |text: &str, name: &str| {
            let found = text.find(&format!("role=\"alert\" id=\"hint-{name}\""));
            assert!(found.is_some(), "{name}: {text}");
        };
        let fields = [("login", "ida"), ("role", "superadmin")];
        let refused = confirm(&root, "/admin/users/new", &fields).await;
        beside(&refused.is(422).text, "role");
        assert!(refused.text.contains("value=\"ida\""), "what was typed stays");
        let all = [
            ("login", ""),
            ("email", "no address"),
            ("roles", "signet:foo"),
            ("role", "superadmin"),
        ];
        let refused = confirm(&root, "/admin/users/new", &all).await;
        for (name, _) in all {
            beside(&refused.is(422).text, name);
        }
        for (path, name) in [
            ("/admin/audit?kind=login.faild", "add"),
            ("/admin/audit?user=nemo", "user"),
            ("/admin/audit?actor=nemo", "actor"),
            ("/admin/sessions?user=nemo", "user"),
        ] {
            let refused = root.get(path).await;
            beside(&refused.is(422).text, name);
        }
        let near = root.get("/admin/audit?kind=login.faild").await;
        assert!(near.text.contains("login.failed"), "the nearest kind is named: {}", near.text);
        let empty = root.get("/admin/audit?user=").await;
        assert_eq!(root.below_base(empty.is(303).header("location")), "/admin/audit");
    })
    .await;
}

/// A client whose id has a slash has a page and can be changed there; the id `new`, which would collide with the page
/// for new clients, is refused.
#[tokio::test(flavor = "multi_thread")]
async fn clients_with_a_slash_in_their_id_are_reached() {
    on_both("console: slashes in ids", async |backend| {
        let server = started(backend).await;
        let second = server.administrator("second").await;
        let create = async |id: &str| {
            let body = json!({"client_id": id, "name": "Bot", "type": "service"});
            server.call_as(Method::POST, "/v1/admin/clients", &second.access, body).await
        };
        create("team/bot").await.is(201);
        let refused = create("new").await;
        assert_eq!(refused.is(422).json()["errors"][0]["code"], "reserved");
        let root = administrator(&server).await;
        let list = root.get("/admin/clients").await;
        let (_, link) = list.is(200).text.split_once("href=\"/admin/clients/team").unwrap();
        let link = format!("/admin/clients/team{}", link.split_once('"').unwrap().0);
        let page = root.get(&link).await;
        assert!(page.is(200).text.contains("team/bot"), "{}", page.text);
        for (action, done) in [("disable", 303), ("enable", 303), ("rotate-secret", 200)] {
            let address = format!("{link}/{action}");
            assert!(page.text.contains(&address) || action == "enable", "{address}");
            confirm(&root, &address, &[]).await.is(done);
        }
        confirm(&root, &format!("{link}/delete"), &[("typed", "team/bot")]).await.is(303);
        let clients = server.get_as("/v1/admin/clients", &second.access).await.is(200).json();
        let left: Vec<&Value> = clients["data"].as_array().unwrap().iter().collect();
        assert!(left.iter().all(|client| client["client_id"] != "team/bot"), "{left:?}");
    })
    .await;
}
