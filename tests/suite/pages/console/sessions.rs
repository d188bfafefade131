//! The list of sessions: found by user, application and time, and ended together.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, confirm, id_of, started};
use crate::support::on_both;
use crate::support::relying_party::{App, Person, field};
use crate::support::server::Answer;

fn rows(page: &Answer) -> usize {
    page.is(200).text.matches("<th scope=\"row\">").count()
}

/// Sessions are found by user, application and time; a malformed value is reported beside its field.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_by_user_application_and_time() {
    on_both("console: session filters", async |backend| {
        let server = started(backend).await;
        server.login("ada").await;
        server.advance(TimeSpan::from_mins(180));
        server.login("ada").await;
        let root = administrator(&server).await;
        let sent = root.get("/admin/sessions?user=ada&client=&since=").await;
        let to = root.below_base(sent.is(303).header("location"));
        assert_eq!(to, "/admin/sessions?user=ada");
        assert_eq!(rows(&root.get(&to).await), 2);
        let found = root.get("/admin/sessions?user=ada&since=1h").await;
        assert_eq!(rows(&found), 1, "{}", found.text);
        assert!(found.text.contains("signet session list --user ada --since 1h"), "{}", found.text);
        assert!(
            found.text.contains("Remove filter “User: ada”")
                && !found.text.contains("End all matches")
        );
        assert_eq!(rows(&root.get("/admin/sessions?client=signet").await), 2);
        let wrong = root.get("/admin/sessions?since=yesterday").await;
        assert!(wrong.is(422).text.contains("id=\"hint-since\""), "{}", wrong.text);
        root.get("/admin/sessions?user=nobody").await.is(422);
        let id = id_of(&root, "ada").await;
        let found = root.get("/admin/sessions?user=ada").await;
        let all = format!("href=\"/admin/users/{id}/end-sessions\">End all matches: 2 sessions");
        assert!(found.text.contains(&all), "{}", found.text);
    })
    .await;
}

/// All sessions of an application end after a confirmation that counts them; the form sent twice ends them once. It
/// requires the right to end sessions of every user: the helpdesk and auditors are refused by address.
#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_of_an_application_end_after_a_count() {
    on_both("console: sessions of a client", async |backend| {
        let server = started(backend).await;
        let admin = server.administrator("second").await;
        let app = App::register(&server, &admin, json!({"type": "web", "client_id": "shop"})).await;
        for login in ["ada", "bob"] {
            if login == "bob" {
                server.register(login).await;
            }
            app.tokens(&server, &Person::new(&server, login)).await;
        }
        let root = administrator(&server).await;
        let page = root.get("/admin/clients/shop").await;
        assert!(page.is(200).text.contains("End its sessions (2)"), "{}", page.text);
        let found = root.get("/admin/sessions?client=shop").await;
        assert_eq!(rows(&found), 2, "{}", found.text);
        let path = "/admin/clients/shop/end-sessions";
        let all = format!("href=\"{path}\">End all matches: 2 sessions");
        assert!(found.text.contains(&all), "{}", found.text);
        let question = root.get(path).await;
        for text in ["This ends 2 sessions.", "signet session revoke --client shop", "Cancel"] {
            assert!(question.is(200).text.contains(text), "{text}: {}", question.text);
        }
        let delete = root.get("/admin/clients/shop/delete").await;
        assert!(delete.is(200).text.contains("This ends 2 sessions."), "{}", delete.text);
        let (csrf, form) = (field(&question.text, "csrf"), field(&question.text, "form"));
        let fields = [("csrf", &*csrf), ("form", &form)];
        let (one, two) = tokio::join!(root.post(path, &fields), root.post(path, &fields));
        assert_eq!(one.is(303).header("location"), two.is(303).header("location"));
        assert_eq!(rows(&root.get("/admin/sessions?client=shop").await), 0);
        assert_eq!(server.events(&admin, "sessions.ended").await.len(), 1);
        assert!(root.get("/admin/clients/shop?done=ended").await.is(200).text.contains("Ended."));

        for (login, role) in [("hugo", Role::Helpdesk), ("vera", Role::Auditor)] {
            let person = with_role(&server, login, role).await;
            person.get(path).await.is(403);
            person.get("/admin/clients/unknown/end-sessions").await.is(403);
            let csrf = field(&person.get("/admin").await.is(200).text, "csrf");
            person.post(path, &[("csrf", &csrf), ("form", "x")]).await.is(403);
        }
        confirm(&root, path, &[]).await.is(303);
    })
    .await;
}

/// The list and the confirmation page show the user of the session, the application, the API, the device and since
/// when. So does the confirmation page for a sign-in at Signet's pages.
#[tokio::test(flavor = "multi_thread")]
async fn the_confirmation_names_the_user_of_the_session() {
    on_both("console: which session ends", async |backend| {
        let server = started(backend).await;
        let admin = server.administrator("second").await;
        let api = "https://api.example.com/orders";
        server
            .call_as(Method::POST, "/v1/admin/apis", &admin.access, json!({ "identifier": api }))
            .await
            .is(201);
        let client =
            json!({"type": "web", "client_id": "shop", "name": "Shop", "audiences": [api]});
        let app = App::register(&server, &admin, client).await;
        let ada = Person::new(&server, "ada");
        let code = app.code(&ada, &[("resource", api)]).await;
        app.redeem(&server, &code).await.is(200);
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let list = root.get("/admin/sessions?user=ada").await;
        assert_eq!(rows(&list), 2, "{}", list.text);
        assert!(list.text.contains(api) && list.text.contains("API (audience)"), "{}", list.text);
        let ends: Vec<&str> = list.text.split("href=\"/admin/sessions/").skip(1).collect();
        let session = |rest: &str| format!("/admin/sessions/{}", rest.split_once('"').unwrap().0);
        let pages: Vec<String> = ends.into_iter().map(session).collect();
        let mut shown = Vec::new();
        for path in pages {
            let page = root.get(&path).await;
            for text in ["ada", &*format!("href=\"/admin/users/{id}\""), "Begun", "Device"] {
                assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
            }
            shown.push(page.text);
        }
        let of_client = shown.iter().filter(|text| text.contains("/admin/clients/shop"));
        let texts: Vec<_> = of_client.collect();
        assert!(texts.len() == 1 && texts[0].contains(api) && texts[0].contains("Shop"));
        root.get(&format!("/admin/sessions/{id}/end")).await.is(404);
    })
    .await;
}
