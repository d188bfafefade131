//! What the roles may do in the console: no button for what is not allowed, and 403 at its address.

use signet::admin::users::{self, Create};
use signet::domain::attributes::Attributes;
use signet::domain::request_info::RequestInfo;
use signet::domain::user::Role;
use signet::domain::user_email::EmailChange;

use super::{administrator, confirm, id_of, sign_in, started};
use crate::support::Server;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::PASSWORD;

/// The actions on a user.
const USER_ACTIONS: [&str; 7] =
    ["unlock", "must-change", "end-sessions", "reset-factors", "enable", "disable", "delete"];

/// A user with this role, made at the machine itself and signed in at the console.
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
    person.post(path, &[("csrf", &csrf), ("form", "x"), ("typed", "ada")]).await.status
}

/// An auditor reads every page, sees no button and is refused by address, with GET and with POST.
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

/// Helpdesk sees users and sessions only, may unlock and end sessions, and can do nothing to a user with one of
/// Signet's own roles.
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
        // The same of one session: its question names the user, so it is refused as well.
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
