//! API keys of users in the console.

use serde_json::json;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, confirm, started};
use crate::support::on_both;

const API: &str = "https://api.example.com";

/// The page of a user lists the keys; the helpdesk revokes one after a confirmation, an auditor has no button.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_user_are_shown_and_revoked() {
    on_both("console: API keys", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let admin = server.administrator("second").await;
        let api = json!({"identifier": API, "scopes": ["read"], "key_scopes": ["read"]});
        server.call_as(reqwest::Method::POST, "/v1/admin/apis", &admin.access, api).await.is(201);
        let nora = server.register("nora").await;
        let tokens = server.login("nora").await;
        let page = format!("/admin/users/{nora}");
        assert!(!root.get(&page).await.is(200).text.contains("API keys"));
        let body = json!({"name": "Night<b>ly", "audience": API, "scopes": ["read"]});
        let made =
            server.call_as(reqwest::Method::POST, "/v1/api-keys", &tokens.access, body).await;
        let (id, key) = (made.is(201).string("id"), made.string("key"));
        let path = format!("{page}/keys/{id}/revoke");
        let shown = root.get(&page).await;
        assert!(shown.is(200).text.contains("API keys, 1") && shown.text.contains(&path));
        assert!(shown.text.contains("Night&#60;b&#62;ly") && !shown.text.contains(&key));

        let vera = with_role(&server, "vera", Role::Auditor).await;
        let seen = vera.get(&page).await;
        assert!(seen.is(200).text.contains("API keys, 1") && !seen.text.contains(&path));
        vera.get(&path).await.is(403);
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        hugo.get(&format!("{page}/keys/x/revoke")).await.is(404);
        let question = hugo.get(&path).await;
        let command = format!("signet user key revoke nora {id}");
        assert!(question.is(200).text.contains(&command), "{}", question.text);
        let done = confirm(&hugo, &path, &[]).await;
        assert!([200, 303].contains(&done.status), "{}", done.text);
        let shown = hugo.get(&page).await;
        assert!(shown.is(200).text.contains("Revoked") && !shown.text.contains(&path));
        let events = server.events(&admin, "api_key.revoked").await;
        assert_eq!(events[0]["detail"], json!(id));
    })
    .await;
}
