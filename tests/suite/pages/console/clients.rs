//! Applications in the console: registration, administration scopes, and managed applications.

use serde_json::json;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, confirm, started};
use crate::support::on_both;
use crate::support::relying_party::{App, Person, field};

/// An SPA has no secret: its registration ends with its connection values. An unknown application is reported as
/// such, with a link to the list.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_spa_is_told_what_to_enter() {
    on_both("console: new SPA", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let path = "/admin/clients/new?type=spa";
        let uri = "https://spa.example.com/callback";
        let made = confirm(&root, path, &[("name", "Front"), ("redirect_uris", uri)]).await;
        let to = root.below_base(made.is(303).header("location"));
        let page = root.get(&to).await;
        let id = to.strip_prefix("/admin/clients/").unwrap().split('?').next().unwrap();
        for text in [
            &*format!("{}/.well-known/openid-configuration", server.base),
            &*server.base,
            id,
            uri,
            "PKCE",
        ] {
            assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
        }
        assert!(page.text.contains("None in 30 days") && page.text.contains("Registered."));
        let unknown = root.get("/admin/clients/unknown").await;
        assert!(
            unknown.is(404).text.contains("<li><a href=\"/admin/clients\">"),
            "{}",
            unknown.text
        );
        assert!(unknown.text.contains("aria-current=\"page\""), "within the console");
    })
    .await;
}

/// A service client gets administration scopes and a key, which is shown once and is valid until it is revoked. An
/// auditor sees the keys and has no buttons.
#[tokio::test(flavor = "multi_thread")]
async fn administration_keys_are_made_and_revoked() {
    on_both("console: administration keys", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let admin = server.administrator("second").await;
        let body = json!({"client_id": "bot", "name": "Bot", "type": "service"});
        server
            .call_as(reqwest::Method::POST, "/v1/admin/clients", &admin.access, body)
            .await
            .is(201);
        let scopes = "/admin/clients/bot/admin-scopes";
        let wrong = confirm(&root, scopes, &[("admin_scopes", "signet:everything")]).await;
        assert!(wrong.is(422).text.contains("aria-invalid"), "{}", wrong.text);
        let given = confirm(&root, scopes, &[("admin_scopes", "signet:users signet:read")]).await;
        assert!([200, 303].contains(&given.status), "{}", given.text);
        let page = root.get("/admin/clients/bot").await;
        assert!(page.is(200).text.contains("signet:read"), "{}", page.text);

        let path = "/admin/clients/bot/keys/new";
        let form = root.get(path).await;
        let (csrf, id) = (field(&form.is(200).text, "csrf"), field(&form.text, "form"));
        let fields = |days: &'static str| {
            vec![
                ("csrf", csrf.clone()),
                ("form", id.clone()),
                ("name", "Nightly".to_owned()),
                ("scopes", "signet:read".to_owned()),
                ("expires_in", days.to_owned()),
                ("networks", String::new()),
            ]
        };
        let post = async |days| {
            let fields = fields(days);
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
            root.post(path, &fields).await
        };
        for days in ["soon", "0", "366"] {
            let wrong = post(days).await;
            assert!(
                wrong.is(422).text.contains("id=\"hint-expires_in\""),
                "{days}: {}",
                wrong.text
            );
            assert!(wrong.text.contains("value=\"Nightly\""), "what was typed stays");
        }
        let (one, two) = tokio::join!(post("30"), post("30"));
        let secret = |text: &str| {
            let (_, rest) = text.split_once("<code>sak_").unwrap();
            format!("sak_{}", rest.split_once('<').unwrap().0)
        };
        assert_eq!(secret(&one.is(200).text), secret(&two.is(200).text), "one key");
        let key = secret(&one.text);
        server.get_as("/v1/admin/users", &key).await.is(200);
        let page = root.get("/admin/clients/bot").await;
        assert!(page.is(200).text.contains("Administration keys, 1"), "{}", page.text);
        assert!(!page.text.contains(&key));
        let (_, revoke) = page.text.split_once("/keys/").unwrap();
        let id = revoke.split_once('/').unwrap().0.to_owned();
        let revoke = format!("/admin/clients/bot/keys/{id}/revoke");
        assert!(page.text.contains(&revoke), "{}", page.text);

        let vera = with_role(&server, "vera", Role::Auditor).await;
        let shown = vera.get("/admin/clients/bot").await;
        assert!(shown.is(200).text.contains("Nightly") && !shown.text.contains("/keys/"));
        for path in [scopes, path, &revoke] {
            vera.get(path).await.is(403);
            let csrf = field(&vera.get("/admin").await.is(200).text, "csrf");
            vera.post(path, &[("csrf", &csrf), ("form", "x")]).await.is(403);
        }
        confirm(&root, &revoke, &[]).await.is(303);
        server.get_as("/v1/admin/users", &key).await.is(401);
        root.get(&revoke).await.is(404);
    })
    .await;
}

/// The connection values of an application have scopes that it may request: of its APIs, and of the user unless it is a
/// service, whose form has no consent either.
#[tokio::test(flavor = "multi_thread")]
async fn the_connection_has_scopes_that_can_be_requested() {
    on_both("console: scopes to enter", async |backend| {
        let server = started(backend).await;
        let admin = server.administrator("second").await;
        let api = "https://orders.example.com";
        let body = json!({"identifier": api, "scopes": ["orders:read", "orders:write"]});
        server.call_as(reqwest::Method::POST, "/v1/admin/apis", &admin.access, body).await.is(201);
        let root = administrator(&server).await;
        let own = ["openid", "profile", "orders:read"];
        for (id, kind, more, value) in [
            ("shop", "web", json!(own), "openid profile orders:read"),
            ("all", "spa", json!(null), "openid profile orders:read orders:write"),
            ("bot", "service", json!(null), "<code>orders:read orders:write"),
        ] {
            let mut client = json!({"type": kind, "client_id": id, "name": id, "audiences": [api]});
            if !more.is_null() {
                client["scopes"] = more;
            }
            App::register(&server, &admin, client).await;
            let page = root.get(&format!("/admin/clients/{id}")).await;
            let (_, connect) = page.is(200).text.split_once("id=\"connect\"").unwrap();
            assert!(connect.contains(value), "{id}: {connect}");
            assert!(connect.contains(&format!("resource={api}")), "{id}: {connect}");
            assert!(!connect.contains("All that its APIs"), "{id}: {connect}");
        }
        let hint = "on the consent page";
        let form = root.get("/admin/clients/new?type=web").await;
        assert!(form.is(200).text.contains(hint), "{}", form.text);
        let form = root.get("/admin/clients/new?type=service").await;
        assert!(!form.is(200).text.contains(hint), "{}", form.text);
    })
    .await;
}

/// The page of an application with refused requests shows the newest cause, and the command that lists all.
#[tokio::test(flavor = "multi_thread")]
async fn refused_requests_are_said_on_the_page_of_the_application() {
    on_both("console: refused requests", async |backend| {
        let server = started(backend).await;
        let admin = server.administrator("second").await;
        let app = App::register(&server, &admin, json!({"type": "web", "client_id": "shop"})).await;
        let root = administrator(&server).await;
        let command = "signet client why shop";
        let page = root.get("/admin/clients/shop").await;
        assert!(!page.is(200).text.contains(command), "{}", page.text);
        let wrong = app.url(&[("redirect_uri", "https://elsewhere.example.com/cb")]);
        assert_eq!(Person::new(&server, "ada").get(&wrong).await.status, 400);
        server.app.write_client_findings().await.unwrap();
        let page = root.get("/admin/clients/shop").await;
        for text in [command, "Last refused or narrowed", "elsewhere.example.com"] {
            assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
        }
    })
    .await;
}
