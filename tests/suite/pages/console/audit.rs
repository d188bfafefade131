//! The audit trail in the console: filters, links and downloads.

use serde_json::json;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, id_of, started};
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::Answer;

/// The rows of the table of events.
fn rows(page: &Answer) -> usize {
    page.is(200).text.matches("<th scope=\"row\">").count()
}

/// Downloads the events on the page at `path`.
async fn download(person: &Person<'_>, path: &str, format: &str) -> Answer {
    let page = person.get(path).await;
    let (_, form) = page.is(200).text.split_once("action=\"/admin/audit/export\"").unwrap();
    let form = form.split_once("</form>").unwrap().0;
    let mut fields = vec![("format".to_owned(), format.to_owned())];
    for input in form.split("<input type=\"hidden\" name=\"").skip(1) {
        let name = input.split_once('"').unwrap().0;
        fields.push((name.to_owned(), field(form, name)));
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    person.post("/admin/audit/export", &fields).await
}

/// Every filter of the command is a field of the form, is in the address, and can be removed with a link; a malformed
/// value is reported beside its field, and no events are listed then.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_filtered_by_address() {
    on_both("console: audit filters", async |backend| {
        let server = started(backend).await;
        let tokens = server.login("ada").await;
        let sid = tokens.claims()["sid"].as_str().unwrap().to_owned();
        server.try_login("ada", "wrong").await.is(401);
        let root = administrator(&server).await;
        let page = root.get("/admin/audit").await;
        for name in [
            "user", "add", "reason", "since", "until", "address", "client", "actor", "session",
            "request",
        ] {
            let named = format!("name=\"{name}\"");
            assert!(page.is(200).text.contains(&named), "{name}: {}", page.text);
        }
        // The form sends all of its fields; the address keeps the non-empty ones, and each kind once.
        let sent = "/admin/audit?kind=login.failed&user=ada&add=login.succeeded&reason=&since=1h\
                    &until=&address=&client=&actor=&session=&request=";
        let to = root.below_base(root.get(sent).await.is(303).header("location"));
        assert_eq!(to, "/admin/audit?user=ada&kind=login.failed%2Clogin.succeeded&since=1h");
        let found = root.get(&to).await;
        assert_eq!(rows(&found), 2, "{}", found.text);
        let same = "signet audit list --user ada --kind login.failed,login.succeeded --since 1h";
        assert!(found.text.contains(same), "{}", found.text);
        for (without, rest) in [
            ("About: ada", "?kind=login.failed%2Clogin.succeeded&#38;since=1h"),
            ("Kind: login.failed", "?user=ada&#38;kind=login.succeeded&#38;since=1h"),
            ("From: 1h", "?user=ada&#38;kind=login.failed%2Clogin.succeeded"),
        ] {
            let link = format!("href=\"/admin/audit{rest}\">Remove filter “{without}”");
            assert!(found.text.contains(&link), "{link}: {}", found.text);
        }
        let id = id_of(&root, "ada").await;
        for link in [
            format!("/admin/users/{id}"),
            format!("/admin/audit?session={sid}"),
            "/admin/audit?address=127.0.0.1".to_owned(),
            "/admin/audit?request=".to_owned(),
        ] {
            assert!(found.text.contains(&format!("href=\"{link}")), "{link}: {}", found.text);
        }
        assert!(found.text.contains("wrong_password"), "{}", found.text);
        let session = root.get(&format!("/admin/audit?session={sid}")).await;
        assert_eq!(rows(&session), 1, "{}", session.text);
        assert_eq!(
            rows(&root.get("/admin/audit?reason=wrong_password&address=127.0.0.0/8").await),
            1
        );
        for (query, said) in [
            ("since=yesterday", "id=\"hint-since\""),
            ("address=192.0.2.1/24", "id=\"hint-address\""),
            ("session=x", "id=\"hint-session\""),
        ] {
            let refused = root.get(&format!("/admin/audit?{query}")).await;
            let wrong = format!("role=\"alert\" {said}");
            assert!(refused.is(422).text.contains(&wrong), "{query}: {}", refused.text);
            assert!(!refused.text.contains("<table"), "{query}");
        }
        let unknown = root.get("/admin/audit?user=nobody").await;
        assert!(unknown.is(422).text.contains("role=\"alert\""), "{}", unknown.text);
        root.get("/admin/audit?kind=made.up").await.is(422);
    })
    .await;
}

/// Administrators and auditors can download the events of a filter in both formats; the download is an event
/// itself. Others are refused by address, and so is a form without the token of the page.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_downloaded_with_the_same_filters() {
    on_both("console: audit export", async |backend| {
        let server = started(backend).await;
        server.login("ada").await;
        server.try_login("ada", "wrong").await.is(401);
        let root = administrator(&server).await;
        let path = "/admin/audit?user=ada&kind=login.failed";
        let csv = download(&root, path, "csv").await;
        assert!(csv.is(200).header("content-type").starts_with("text/csv"));
        assert_eq!(csv.header("content-disposition"), "attachment; filename=\"audit.csv\"");
        assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
        let vera = with_role(&server, "vera", Role::Auditor).await;
        let lines = download(&vera, path, "ndjson").await;
        let event: serde_json::Value = serde_json::from_str(lines.is(200).text.trim()).unwrap();
        assert_eq!(event["kind"], "login.failed");
        download(&root, path, "xlsx").await.is(422);
        let exports = root.get("/admin/audit?kind=audit.exported").await;
        assert_eq!(rows(&exports), 2, "{}", exports.text);
        assert!(exports.text.contains("vera") && exports.text.contains("ndjson"));
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        let csrf = field(&hugo.get("/admin").await.is(200).text, "csrf");
        hugo.post("/admin/audit/export", &[("csrf", &csrf), ("format", "csv")]).await.is(403);
        root.post("/admin/audit/export", &[("format", "csv")]).await.is(403);
        assert_eq!(rows(&root.get("/admin/audit?kind=audit.exported").await), 2);
    })
    .await;
}

/// Changes of a client are found by the client, and its actions by its name or its key; an unknown name is refused.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_clients_are_found_by_client_and_by_actor() {
    on_both("audit of clients", async |backend| {
        let server = started(backend).await;
        let admin = server.administrator("second").await;
        let body = json!({"client_id": "bot", "name": "Bot", "type": "service",
                          "admin_scopes": ["signet:users"]});
        server
            .call_as(reqwest::Method::POST, "/v1/admin/clients", &admin.access, body)
            .await
            .is(201);
        let body = json!({"name": "Nightly", "scopes": ["signet:users"], "expires_in": 3600});
        let path = "/v1/admin/clients/bot/keys";
        let key = server.call_as(reqwest::Method::POST, path, &admin.access, body).await;
        let (id, secret) = (key.is(201).string("id"), key.string("key"));
        let body = json!({"login": "eve", "password": "a long enough password"});
        server.call_as(reqwest::Method::POST, "/v1/admin/users", &secret, body).await.is(201);
        let kinds = async |query: &str| -> Vec<String> {
            let found = server.get_as(&format!("/v1/admin/audit?{query}"), &admin.access).await;
            let data = found.is(200).json()["data"].as_array().unwrap().clone();
            data.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
        };
        let of_client = kinds("client=bot").await;
        assert!(of_client.contains(&"client.created".to_owned()), "{of_client:?}");
        assert_eq!(kinds("actor=bot").await, ["user.created"]);
        assert_eq!(kinds(&format!("actor={id}")).await, ["user.created"]);
        assert!(kinds("actor=second").await.contains(&"client.created".to_owned()));
        server.get_as("/v1/admin/audit?actor=nobody", &admin.access).await.is(404);
        let root = administrator(&server).await;
        let page = root.get("/admin/audit?actor=bot").await;
        assert_eq!(rows(&page), 1, "{}", page.text);
        assert!(page.text.contains("href=\"/admin/clients/bot\"") && page.text.contains(&id));
        // A deleted client is still found by its events.
        let path = "/v1/admin/clients/bot";
        server.call_as(reqwest::Method::DELETE, path, &admin.access, json!(null)).await.is(204);
        assert_eq!(kinds("actor=bot").await, ["user.created"]);
        assert!(kinds("client=bot").await.contains(&"client.deleted".to_owned()));
    })
    .await;
}
