//! Rights of roles in the console: no button for forbidden actions, and 403 at their addresses.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::users::{self, Create};
use signet::domain::attributes::Attributes;
use signet::domain::request_info::RequestInfo;
use signet::domain::user::Role;
use signet::domain::user_email::EmailChange;
use signet::http::routes::TABLE;

use super::{administrator, confirm, id_of, sign_in, started};
use crate::support::Server;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::PASSWORD;

/// The actions on a user.
const USER_ACTIONS: [&str; 7] =
    ["unlock", "must-change", "end-sessions", "reset-factors", "enable", "disable", "delete"];

/// A user with this role, created on the command line and signed in at the console.
pub(super) async fn with_role<'a>(server: &'a Server, login: &str, role: Role) -> Person<'a> {
    let create = Create {
        login: login.to_owned(),
        password: Some(PASSWORD.to_owned()),
        name: None,
        email: EmailChange::default(),
        role,
        attributes: Attributes::default(),
        must_change_password: false,
    };
    let info = RequestInfo::cli(server.now());
    let work = users::create(server.app.clone(), create, info);
    server.app.run_to_completion(work).await.unwrap_or_else(|stop| panic!("{stop:?}"));
    let person = Person::new(server, login);
    assert_eq!(sign_in(&person, "/login?to=console", login).await, "/admin");
    person
}

/// Posts a form with the token of the console to an address, whatever the pages offer.
async fn posted(person: &Person<'_>, path: &str) -> u16 {
    let csrf = field(&person.get("/admin").await.is(200).text, "csrf");
    let fields = [("csrf", &*csrf), ("form", "x"), ("typed", "ada"), ("action", "disable")];
    person.post(path, &fields).await.status
}

/// An auditor can read every page, has no buttons and is refused by address, with GET and with POST.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_and_changes_nothing() {
    on_both("console: auditor", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let (ada, clients) = (id_of(&root, "ada").await, "/admin/clients/new");
        let vera = with_role(&server, "vera", Role::Auditor).await;
        for page in super::PAGES {
            let shown = vera.get(page).await;
            assert!(!shown.is(200).text.contains("class=\"button"), "{page}: {}", shown.text);
        }
        let user = vera.get(&format!("/admin/users/{ada}")).await;
        assert!(!user.is(200).text.contains("class=\"button"), "{}", user.text);
        let of_user = USER_ACTIONS.map(|action| format!("/admin/users/{ada}/{action}"));
        let others = [clients, "/admin/keys/rotate"].map(str::to_owned);
        for path in of_user.iter().chain(&others) {
            vera.get(path).await.is(403);
            assert_eq!(posted(&vera, path).await, 403, "{path}");
        }
        server.try_login("ada", PASSWORD).await.is(200);
    })
    .await;
}

/// The helpdesk sees users and sessions only, may unlock and end sessions, and can do nothing to a user with
/// one of Signet's own roles.
#[tokio::test(flavor = "multi_thread")]
async fn helpdesk_helps_ordinary_users_only() {
    on_both("console: helpdesk", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let (ada, admin) = (id_of(&root, "ada").await, id_of(&root, "root").await);
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        for page in super::PAGES {
            let allowed = ["/admin", "/admin/users", "/admin/sessions"].contains(&page);
            hugo.get(page).await.is(if allowed { 200 } else { 403 });
        }
        let menu = hugo.get("/admin").await;
        assert!(!menu.text.contains("/admin/audit") && !menu.text.contains("/admin/clients"));
        let tokens = server.login("ada").await;
        let path = |id: &str, action: &str| format!("/admin/users/{id}/{action}");
        for action in USER_ACTIONS {
            let allowed = ["unlock", "end-sessions", "reset-factors"].contains(&action);
            hugo.get(&path(&ada, action)).await.is(if allowed { 200 } else { 403 });
        }
        confirm(&hugo, &path(&ada, "unlock"), &[]).await.is(303);
        confirm(&hugo, &path(&ada, "end-sessions"), &[]).await.is(303);
        server.refresh(&tokens.refresh).await.is(401);
        let page = hugo.get(&format!("/admin/users/{admin}")).await;
        assert!(!page.is(200).text.contains("class=\"button"), "{}", page.text);
        for action in ["unlock", "end-sessions", "reset-factors"] {
            hugo.get(&path(&admin, action)).await.is(403);
            assert_eq!(posted(&hugo, &path(&admin, action)).await, 403, "{action}");
        }
        root.get("/admin").await.is(200);
        // The same for one session: its confirmation page names the user, so it is refused as well.
        let of_admin = server.administrator("adam").await;
        let sid = of_admin.claims()["sid"].as_str().unwrap().to_owned();
        let end = format!("/admin/sessions/{sid}/end");
        let refused = hugo.get(&end).await;
        assert!(!refused.is(403).text.contains("adam"), "{}", refused.text);
        assert_eq!(posted(&hugo, &end).await, 403);
        server.get_as("/v1/me", &of_admin.access).await.is(200);
        let of_ada = server.login("ada").await.claims()["sid"].as_str().unwrap().to_owned();
        let sessions = hugo.get("/admin/sessions").await;
        assert!(sessions.is(200).text.contains(&format!("/admin/sessions/{of_ada}/end")));
        assert!(sessions.text.contains(&sid) && !sessions.text.contains(&end), "{}", sessions.text);
        hugo.get(&format!("/admin/sessions/{of_ada}/end")).await.is(200);
    })
    .await;
}

/// The values of `{action}` in addresses of the route table.
const CLIENT_ACTIONS: [&str; 5] = ["rotate-secret", "enable", "disable", "end-sessions", "delete"];

/// Existing objects that an address of the route table may name.
struct Objects {
    user: String,
    session: String,
    key: String,
    user_key: String,
    api: String,
    kid: String,
}

impl Objects {
    /// A user with a session and an API key, an application with an administration key, an API and a signing key.
    async fn on(server: &Server) -> Self {
        let admin = server.administrator("second").await;
        let post = async |path: &str, body: Value| {
            let answer = server.call_as(Method::POST, path, &admin.access, body).await;
            answer.is(201).json()["id"].as_str().unwrap_or_default().to_owned()
        };
        let client = json!({"client_id": "bot", "name": "Bot", "type": "service",
                            "admin_scopes": ["signet:users"]});
        post("/v1/admin/clients", client).await;
        let key = json!({"name": "Nightly", "scopes": ["signet:users"], "expires_in": 86_400});
        let tokens = server.login("ada").await;
        let claim = |name: &str| tokens.claims()[name].as_str().unwrap().to_owned();
        let jwks = server.get("/.well-known/jwks.json").await.is(200).json();
        let api = json!({"identifier": "https://api.example.com", "scopes": ["read"], "key_scopes": ["read"]});
        let api = post("/v1/admin/apis", api).await;
        let own = json!({"name": "Cron", "audience": "https://api.example.com", "scopes": ["read"], "expires_in": 3600});
        let own = server.call_as(Method::POST, "/v1/api-keys", &tokens.access, own).await;
        Self {
            user: claim("sub"),
            session: claim("sid"),
            key: post("/v1/admin/clients/bot/keys", key).await,
            user_key: own.is(201).string("id"),
            api,
            kid: jwks["keys"][0]["kid"].as_str().unwrap().to_owned(),
        }
    }

    /// The addresses of a route: one for each action, if it has actions.
    fn addresses(&self, route: &str) -> Vec<String> {
        let id = match route.split('/').nth(2) {
            Some("users") => &self.user,
            Some("sessions") => &self.session,
            _ => &self.api,
        };
        let path = route.replace("{id}", id).replace("{client_id}", "bot");
        let key = if route.contains("/users/") { &self.user_key } else { &self.key };
        let path = path.replace("{key_id}", key).replace("{kid}", &self.kid);
        let actions: Vec<&str> = match route.contains("/clients/") {
            true => CLIENT_ACTIONS.to_vec(),
            false => ["invite", "recovery"].into_iter().chain(USER_ACTIONS).collect(),
        };
        match path.contains("{action}") {
            true => actions.iter().map(|action| path.replace("{action}", action)).collect(),
            false => vec![path],
        }
    }
}

/// Every address of the console that accepts a form refuses an auditor, and all but a few the helpdesk; so does the
/// page of the form. The addresses are those of the route table, so that new ones are included.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_the_console_takes_what_a_role_may_not_do() {
    on_both("console: every form by every role", async |backend| {
        let server = started(backend).await;
        let objects = Objects::on(&server).await;
        let vera = with_role(&server, "vera", Role::Auditor).await;
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        let user = |action: &str| format!("/admin/users/{}/{action}", objects.user);
        let for_helpdesk: BTreeSet<String> =
            ["recovery", "unlock", "end-sessions", "reset-factors"]
                .map(user)
                .into_iter()
                .chain([
                    format!("/admin/sessions/{}/end", objects.session),
                    user(&format!("keys/{}/revoke", objects.user_key)),
                ])
                .collect();
        let pages: BTreeSet<&str> =
            TABLE.iter().filter(|route| route.method == "GET").map(|route| route.path).collect();
        let forms = TABLE.iter().filter(|route| {
            // An auditor exports, which changes nothing.
            route.method == "POST"
                && route.path.starts_with("/admin")
                && route.path != "/admin/audit/export"
        });
        let (mut refused, mut allowed) = (0, BTreeSet::new());
        for route in forms {
            for path in objects.addresses(route.path) {
                for (person, is_helpdesk) in [(&vera, false), (&hugo, true)] {
                    let may = is_helpdesk && for_helpdesk.contains(&path);
                    if pages.contains(route.path) {
                        let page = format!("{path}?action=disable");
                        let expected = if may { 200 } else { 403 };
                        assert_eq!(person.get(&page).await.status, expected, "{page}");
                    }
                    if may {
                        allowed.insert(path.clone());
                    } else {
                        assert_eq!(posted(person, &path).await, 403, "{path}");
                        refused += 1;
                    }
                }
            }
        }
        assert!(refused > 50, "only {refused}");
        assert_eq!(allowed, for_helpdesk);
        let root = administrator(&server).await;
        root.get("/admin/clients/bot").await.is(200);
        root.get(&format!("/admin/users/{}", objects.user)).await.is(200);
        server.try_login("ada", PASSWORD).await.is(200);
    })
    .await;
}
