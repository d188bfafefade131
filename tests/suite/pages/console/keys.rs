//! Signing keys in the console: the resource servers that have fetched them, and emergencies.

use std::collections::BTreeSet;

use serde_json::json;
use signet::base::TimeSpan;

use super::{administrator, confirm, started};
use crate::support::on_both;

/// The page lists the resource servers that have not fetched the successor and still use the previous key, with the
/// time of their last fetch; before any fetch it reports that there was none.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_who_still_uses_the_old_key() {
    on_both("console: holders of keys", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let page = root.get("/admin/keys").await;
        assert!(page.is(200).text.contains("No resource server seen yet"), "{}", page.text);
        assert!(!page.text.contains("0 of 0"), "{}", page.text);
        let admin = server.administrator("second").await;
        for name in ["billing", "orders"] {
            let body = json!({"client_id": name, "name": name, "type": "service"});
            let made = server
                .call_as(reqwest::Method::POST, "/v1/admin/clients", &admin.access, body)
                .await;
            made.is(201);
            server.get(&format!("/.well-known/jwks.json?rs={name}")).await.is(200);
        }
        confirm(&root, "/admin/keys/rotate", &[]).await.is(303);
        server.advance(TimeSpan::from_mins(4));
        server.get("/.well-known/jwks.json?rs=orders").await.is(200);
        let page = root.get("/admin/keys").await;
        assert!(page.is(200).text.contains("1 of 2"), "{}", page.text);
        let (_, who) = page.text.split_once("id=\"holders\"").unwrap();
        let who = who.split_once("</section>").unwrap().0;
        assert!(who.contains("billing (4 minutes ago)") && !who.contains("orders ("), "{who}");
        server.get("/.well-known/jwks.json?rs=billing").await.is(200);
        let page = root.get("/admin/keys").await;
        let (_, who) = page.is(200).text.split_once("id=\"holders\"").unwrap();
        assert!(who.contains("all 2 known resource servers have fetched"), "{who}");
    })
    .await;
}

/// A key that is published and does not sign yet can be retired by its button; the signing one stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_published_key_is_taken_back() {
    on_both("console: retiring a key", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let kids = async || -> BTreeSet<String> {
            server.app.reload_if_changed().await.unwrap();
            let jwks = server.get("/.well-known/jwks.json").await.is(200).json();
            let keys = jwks["keys"].as_array().unwrap();
            keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
        };
        let before = kids().await;
        confirm(&root, "/admin/keys/rotate", &[]).await.is(303);
        let after = kids().await;
        let published: Vec<&String> = after.difference(&before).collect();
        // One for each algorithm that signs.
        assert_eq!(published.len(), before.len(), "{published:?}");
        let path = format!("/admin/keys/{}/retire", published[0]);
        let page = root.get("/admin/keys").await;
        assert!(page.is(200).text.contains(&format!("\"{path}\"")), "{}", page.text);
        let question = root.get(&path).await;
        assert!(question.is(200).text.contains("signet key retire "), "{}", question.text);
        assert!(!question.text.contains("--now"), "{}", question.text);
        let done = confirm(&root, &path, &[]).await;
        assert!(done.is(303).header("location").contains("/admin/keys?done="));
        let mut left = after.clone();
        left.remove(published[0]);
        assert_eq!(kids().await, left);
        confirm(&root, &path, &[]).await.is(409);
        server.login("ada").await;
        let admin = server.administrator("second").await;
        let events = server.events(&admin, "key.retired").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["detail"], **published[0]);
    })
    .await;
}

/// In an emergency keys are rotated and retired at once, each after a confirmation page with the command; an unknown
/// key is 404.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_at_once_in_an_emergency() {
    on_both("console: emergency", async |backend| {
        let server = started(backend).await;
        let tokens = server.login("ada").await;
        let root = administrator(&server).await;
        let jwks = server.get("/.well-known/jwks.json").await.is(200).json();
        let kid = jwks["keys"][0]["kid"].as_str().unwrap().to_owned();
        let question = root.get("/admin/keys/rotate-now").await;
        for text in ["signet key rotate --now", &kid, "Cancel"] {
            assert!(question.is(200).text.contains(text), "{text}: {}", question.text);
        }
        let done = confirm(&root, "/admin/keys/rotate-now", &[]).await;
        assert!(done.is(303).header("location").ends_with("/admin/keys?done=rotated-now"));
        let retire = format!("/admin/keys/{kid}/retire");
        let refused = confirm(&root, &retire, &[]).await;
        assert!(refused.is(409).text.contains("role=\"alert\""), "{}", refused.text);
        let question = root.get(&format!("{retire}-now")).await;
        // A name that begins with a hyphen follows `--`.
        for text in ["signet key retire ", "--now", &kid] {
            assert!(question.is(200).text.contains(text), "{text}: {}", question.text);
        }
        confirm(&root, &format!("{retire}-now"), &[]).await.is(303);
        server.get_as("/v1/me", &tokens.access).await.is(401);
        root.get("/admin/keys/unknown/retire").await.is(404);
        root.get("/admin").await.is(200);
    })
    .await;
}
