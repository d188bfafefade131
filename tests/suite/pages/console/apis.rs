//! APIs in the console: creating, changing and deleting them, and the applications that may request their tokens.

use serde_json::json;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, confirm, started};
use crate::support::on_both;
use crate::support::relying_party::field;

/// An API is registered, changed and removed; errors are beside their fields and entries are kept. Its page names the
/// applications that may request its tokens.
#[tokio::test(flavor = "multi_thread")]
async fn apis_are_made_changed_and_removed() {
    on_both("console: APIs", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let new = "/admin/apis/new";
        for (field, fields) in [
            ("identifier", [("identifier", "shop"), ("scopes", "a")]),
            ("scopes", [("identifier", "https://api.example.com"), ("scopes", "signet:users")]),
        ] {
            let wrong = confirm(&root, new, &fields).await;
            let hint = format!("role=\"alert\" id=\"hint-{field}\"");
            assert!(wrong.is(422).text.contains(&hint), "{field}: {}", wrong.text);
            assert!(wrong.text.contains(fields[0].1), "what was typed stays");
        }
        let fields = [
            ("identifier", "https://api.example.com"),
            ("scopes", "orders:read=See your orders\norders:write"),
            ("access_token_ttl", "300"),
        ];
        let made = confirm(&root, new, &fields).await;
        let to = root.below_base(made.is(303).header("location"));
        let (path, _) = to.split_once('?').unwrap();
        let page = root.get(&to).await;
        for text in [
            "Registered.",
            "orders:read (See your orders)",
            "300 seconds",
            "No application may",
            "signet snippet express --audience https://api.example.com",
        ] {
            assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
        }
        let admin = server.administrator("second").await;
        let body = json!({"client_id": "shop", "name": "Shop", "type": "service",
                          "audiences": ["https://api.example.com"]});
        server
            .call_as(reqwest::Method::POST, "/v1/admin/clients", &admin.access, body)
            .await
            .is(201);
        let page = root.get(path).await;
        assert!(page.is(200).text.contains("href=\"/admin/clients/shop\">Shop"), "{}", page.text);

        let edit = format!("{path}/edit");
        let form = root.get(&edit).await;
        assert!(form.is(200).text.contains("orders:read=See your orders"), "{}", form.text);
        let wrong = confirm(&root, &edit, &[("scopes", "a"), ("access_token_ttl", "soon")]).await;
        assert!(wrong.is(422).text.contains("id=\"hint-access_token_ttl\""), "{}", wrong.text);
        let wrong = confirm(&root, &edit, &[("scopes", "a"), ("documents", "maybe")]).await;
        assert!(wrong.is(422).text.contains("id=\"hint-documents\""), "{}", wrong.text);
        for (documents, stored) in [("true", true), ("", true), ("false", false)] {
            let fields = [("scopes", "orders:write"), ("documents", documents)];
            confirm(&root, &edit, &fields).await.is(303);
            let apis = server.get_as("/v1/admin/apis", &admin.access).await.is(200).json();
            assert_eq!(apis["data"][0]["documents"], stored, "{documents:?}");
        }
        let fields = [("scopes", "orders:write"), ("signing_alg", "HS256")];
        let secret = confirm(&root, &edit, &fields).await;
        assert!(secret.is(200).text.contains("<dt>shared_secret</dt>"), "{}", secret.text);
        // Tokens under a shared secret verify with no public key.
        assert!(!root.get(path).await.is(200).text.contains("signet snippet"));
        let stored = server.get_as("/v1/admin/apis", &admin.access).await.is(200).json();
        assert_eq!(stored["data"][0]["scopes"], json!(["orders:write"]), "{stored}");

        let vera = with_role(&server, "vera", Role::Auditor).await;
        assert!(!vera.get(path).await.is(200).text.contains("class=\"button"));
        let csrf = field(&vera.get("/admin").await.is(200).text, "csrf");
        for path in [new.to_owned(), edit, format!("{path}/delete")] {
            vera.get(&path).await.is(403);
            vera.post(&path, &[("csrf", &csrf), ("form", "x")]).await.is(403);
        }
        let delete = format!("{path}/delete");
        confirm(&root, &delete, &[("typed", "https://other.example.com")]).await.is(422);
        let done = confirm(&root, &delete, &[("typed", "https://api.example.com")]).await;
        assert!(done.is(303).header("location").ends_with("/admin/apis?done=deleted"));
        let gone = root.get(path).await;
        assert!(gone.is(404).text.contains("<li><a href=\"/admin/apis\">"), "{}", gone.text);
    })
    .await;
}
