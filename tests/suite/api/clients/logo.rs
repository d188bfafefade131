//! The logo of a client, and the links that an administrator registers for it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Place, path};
use crate::support::Backend;
use crate::support::relying_party::{App, Landing, Person};
use crate::support::server::{Answer, on_both};

const PICTURE: &[u8] = include_bytes!("../../../browser/photos.png");

async fn put(place: &Place, id: &str, file: &[u8]) -> Answer {
    let request = place.server.request(Method::PUT, &format!("{}/logo", path(id)));
    let request = request.bearer_auth(&place.root.access).header("content-type", "image/png");
    place.server.send(request.body(file.to_vec())).await
}

async fn remove(place: &Place, id: &str) -> Answer {
    place.call(Method::DELETE, &format!("{}/logo", path(id)), Value::Null).await
}

/// Another picture: bytes after the end of a PNG are allowed.
fn another() -> Vec<u8> {
    [PICTURE, b"x"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logo_is_stored_served_replaced_and_removed() {
    on_both("logos", async |backend| {
        let place = Place::on(backend).await;
        let id = place.shop().await.is(201).string("client_id");
        assert_eq!(place.show(&id).await["logo"], Value::Null);
        let stored = put(&place, &id, PICTURE).await.is(200).string("logo");
        assert!(stored.starts_with("/assets/logos/") && stored.len() == 14 + 43, "{stored}");
        assert_eq!(place.show(&id).await["logo"], stored);
        let served = reqwest::get(place.server.url(&stored)).await.unwrap();
        assert_eq!(served.status(), 200);
        for (name, value) in [
            ("content-type", "image/png"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ] {
            assert_eq!(served.headers()[name], value, "{name}");
        }
        assert_eq!(served.bytes().await.unwrap(), PICTURE);
        // The same logo again writes nothing.
        let events = place.server.events(&place.root, "client.updated").await.len();
        put(&place, &id, PICTURE).await.is(200);
        assert_eq!(place.server.events(&place.root, "client.updated").await.len(), events);
        // Another one has another address, and the previous one is gone.
        let replaced = put(&place, &id, &another()).await.is(200).string("logo");
        assert_ne!(replaced, stored);
        place.server.get(&stored).await.is(404);
        place.server.get(&replaced).await.is(200);
        // Other changes keep it.
        place.patch(&id, json!({"name": "Store"})).await.is(200);
        assert_eq!(place.show(&id).await["logo"], replaced);
        assert_eq!(remove(&place, &id).await.is(200).json()["logo"], Value::Null);
        remove(&place, &id).await.is(200);
        place.server.get(&replaced).await.is(404);
        // It is deleted with its client.
        let kept = put(&place, &id, PICTURE).await.is(200).string("logo");
        place.call(Method::DELETE, &path(&id), Value::Null).await.is(204);
        place.server.get(&kept).await.is(404);
        put(&place, &id, PICTURE).await.is_problem(404, "not_found");
        for unknown in ["x", &"A".repeat(43), "%00", "..%2flogo"] {
            let answer = place.server.get(&format!("/assets/logos/{unknown}")).await;
            assert!((400..500).contains(&answer.status), "{unknown} {}", answer.status);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_picture_is_refused() {
    let place = Place::on(Backend::Sqlite).await;
    let id = place.shop().await.is(201).string("client_id");
    let mut large = PICTURE.to_vec();
    large[16..24].copy_from_slice(&[0, 0, 8, 0, 0, 0, 8, 0]);
    for (file, code) in [
        (&b""[..], "not_an_image"),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "not_an_image"),
        (b"GIF89a", "not_an_image"),
        (&PICTURE[..20], "not_an_image"),
        (&large, "dimensions"),
    ] {
        let refused = put(&place, &id, file).await;
        refused.is_problem(422, "validation_failed");
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("logo"), &json!(code)));
    }
    put(&place, &id, &vec![0; 64 * 1024 + 1]).await.is_problem(413, "payload_too_large");
    // It cannot be set as a member.
    let patched = place.patch(&id, json!({"logo": "/assets/logos/x"})).await;
    patched.is_problem(422, "read_only");
    assert!(patched.text.contains("/logo stores a logo"), "{}", patched.text);
    place.patch(&id, json!({"logo": null})).await.is(200);
    let request = place.server.request(Method::PUT, &format!("{}/logo", path(&id)));
    place.server.send(request.body(PICTURE)).await.is_problem(401, "invalid_token");
    assert_eq!(place.show(&id).await["logo"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_what_is_registered_about_an_application() {
    on_both("about an application", async |backend| {
        let place = Place::on(backend).await;
        let app =
            App::register(&place.server, &place.root, json!({"type": "web", "name": "Shop"})).await;
        let (policy, terms) = ("https://shop.example.com/privacy", "http://localhost:3000/terms");
        let home = "https://shop.example.com/";
        let uris = json!({"client_uri": home, "policy_uri": policy, "tos_uri": terms});
        let shown = place.patch(&app.id, uris).await.is(200).json();
        assert_eq!((&shown["policy_uri"], &shown["tos_uri"]), (&json!(policy), &json!(terms)));
        for (field, uri, code) in [
            ("policy_uri", "http://shop.example.com/", "plain_http"),
            ("tos_uri", "javascript:alert(1)", "forbidden_scheme"),
            ("tos_uri", "com.example.shop:/", "not_for_this_type"),
            ("policy_uri", "https://ada@shop.example.com/", "ambiguous"),
            ("policy_uri", "not a uri", "not_a_uri"),
        ] {
            let refused = place.patch(&app.id, json!({ field: uri })).await;
            let error = refused.is_problem(422, "validation_failed").json()["errors"][0].clone();
            assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{uri}");
        }
        let logo = put(&place, &app.id, PICTURE).await.is(200).string("logo");
        let image = format!(r#"<img class="client-logo" src="{logo}" alt="""#);

        place.server.register("ada").await;
        let ada = Person::new(&place.server, "ada");
        let login = ada.get(&app.url(&[])).await;
        assert!(login.is(200).text.contains(&image), "{}", login.text);
        let refused = ada.log_in(&login, "not the password").await;
        assert!(refused.is(401).text.contains(&image), "{}", refused.text);
        let to = ada.log_in(&login, crate::support::server::PASSWORD).await;
        let consent = ada.get(&ada.below_base(to.is(303).header("location"))).await;
        for part in [&*image, policy, terms, home] {
            assert!(consent.is(200).text.contains(part), "{part}: {}", consent.text);
        }
        let answer = ada.decide(&consent, "allow").await;
        assert!(matches!(ada.go_on(answer).await, Landing::Callback(_)));
        let account = ada.get("/account").await;
        let img = format!(r#"<img src="{logo}""#);
        assert!(account.is(200).text.contains(&img), "{}", account.text);
        assert!(account.text.contains(&format!(r#"<a href="{home}""#)), "{}", account.text);
        // Null removes them.
        let none = json!({"policy_uri": null, "tos_uri": null});
        assert_eq!(place.patch(&app.id, none).await.is(200).json()["tos_uri"], Value::Null);
    })
    .await;
}
