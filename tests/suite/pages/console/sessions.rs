//! The list of sessions: found by user, application and time, and ended together.

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

/// Sessions are found by user, application and time; what cannot be read is said beside its field.
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
                && !found.text.contains("End all that")
        );
        assert_eq!(rows(&root.get("/admin/sessions?client=signet").await), 2);
        let wrong = root.get("/admin/sessions?since=yesterday").await;
        assert!(wrong.is(422).text.contains("id=\"hint-since\""), "{}", wrong.text);
        root.get("/admin/sessions?user=nobody").await.is(422);
        let id = id_of(&root, "ada").await;
        let found = root.get("/admin/sessions?user=ada").await;
        let all = format!("href=\"/admin/users/{id}/end-sessions\">End all that match: 2 sessions");
        assert!(found.text.contains(&all), "{}", found.text);
    })
    .await;
}

/// All sessions of an application end after a question that counts them; the form sent twice ends them once. Only who
/// may end sessions of every user is asked: helpdesk and auditors are refused by address.
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
        let all = format!("href=\"{path}\">End all that match: 2 sessions");
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
