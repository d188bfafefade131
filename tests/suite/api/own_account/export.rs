//! The export: all data about a user, and no credentials.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::fetch_all;

use super::{ADA, patch_as};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{App, Person};
use crate::support::second_factors::Authenticator;
use crate::support::server::{PASSWORD, Tokens};

const PATH: &str = "/v1/me/export";
const API: &str = "https://api.example";

/// The stored hashes of passwords.
async fn hashes(place: &MailingServer) -> Vec<String> {
    let mut reader = place.server.app.db.reader().await.unwrap();
    let rows = fetch_all!(&mut reader, (Option<String>,), "SELECT password_hash FROM users");
    rows.unwrap().into_iter().filter_map(|(hash,)| hash).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_what_is_stored_and_no_hash_secret_or_code() {
    on_both("export: content", async |backend| {
        let place = MailingServer::start(backend).await;
        let id = place.user("ada", ADA).await;
        place.user("bob", "bob@example.org").await;
        let path = format!("/v1/admin/users/{id}");
        let attributes = json!({"groups": ["staff"], "claims": {"cost_center": "4711"}});
        place.admin(Method::PATCH, &path, attributes).await.is(200);
        let app = App::register(&place.server, &place.root, json!({"type": "spa"})).await;
        let person = Person::new(&place.server, "ada");
        let of_client = app.tokens(&place.server, &person).await;
        let first = place.server.login("ada").await;
        let device = Authenticator::enrol(&place.server, &first).await;
        let tokens = device.log_in(&place.server, "ada").await;
        patch_as(&place.server, &tokens, json!({"name": "Ada", "language": "de"})).await.is(200);
        let change = json!({"email": "lovelace@example.net"});
        place.server.call_as(Method::PUT, "/v1/email", &tokens.access, change).await.is(202);
        let api = json!({"identifier": API, "scopes": ["orders:read"], "key_scopes": ["orders:read"]});
        place.admin(Method::POST, "/v1/admin/apis", api).await.is(201);
        let key = json!({"name": "Backup", "audience": API, "scopes": ["orders:read"], "expires_in": 3600});
        let key = place.server.call_as(Method::POST, "/v1/api-keys", &tokens.access, key).await;
        let mailed = place.newest().await;

        let answer = place.server.get_as(PATH, &tokens.access).await;
        let export = answer.is(200).json();
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(export["complete"], true);
        let profile = &export["profile"];
        for (member, value) in [
            ("id", json!(id)),
            ("login", json!("ada")),
            ("name", json!("Ada")),
            ("email", json!(ADA)),
            ("pending_email", json!("lovelace@example.net")),
            ("language", json!("de")),
            ("groups", json!(["staff"])),
            ("claims", json!({"cost_center": "4711"})),
        ] {
            assert_eq!(profile[member], value, "{member}");
        }
        let factors = export["factors"]["data"].as_array().unwrap();
        assert_eq!((factors.len(), &factors[0]["kind"]), (1, &json!("totp")));
        assert_eq!(export["factors"]["recovery_codes_left"], 10);
        let keys = export["api_keys"].as_array().unwrap();
        assert_eq!((keys.len(), &keys[0]["id"]), (1, &key.is(201).json()["id"]));
        let kinds: Vec<_> =
            export["sessions"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "browser").count(), 1, "{kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| **kind == "client").count(), 3, "{kinds:?}");
        let consents = export["consents"].as_array().unwrap();
        assert_eq!((consents.len(), &consents[0]["client_id"]), (1, &json!(app.id)));
        assert!(export["history"].as_array().unwrap().len() >= 4);

        let mut secrets = vec![
            PASSWORD.to_owned(),
            "argon2".to_owned(),
            tokens.access.clone(),
            tokens.refresh.clone(),
            first.refresh.clone(),
            of_client["refresh_token"].as_str().unwrap_or("srt_").to_owned(),
            mailed.link.clone(),
            mailed.code.clone(),
            "srt_".to_owned(),
            "sbs_".to_owned(),
            "otpauth".to_owned(),
            key.string("key"),
            "spk_".to_owned(),
            "bob".to_owned(),
        ];
        secrets.extend(device.recovery_codes.clone());
        secrets.extend(device.recovery_codes.iter().map(|code| code.replace('-', "")));
        secrets.extend(person.cookies().into_iter().map(|(_, value)| value));
        secrets.extend(hashes(&place).await);
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!answer.text.contains(secret.as_str()), "{secret} is in the export");
        }
        let known = [
            "exported_at",
            "complete",
            "profile",
            "factors",
            "api_keys",
            "sessions",
            "consents",
            "history",
        ];
        assert!(export.as_object().unwrap().keys().all(|key| known.contains(&&**key)), "{export}");
        let events = place.server.events(&place.root, "account.exported").await;
        assert_eq!((events.len(), &events[0]["user_id"]), (1, &json!(id)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_needs_every_factor_of_the_account_completed_a_short_time_ago() {
    on_both("export: fresh authentication", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let stale = async |tokens: &Tokens| {
            let answer = place.server.get_as(PATH, &tokens.access).await;
            answer.is_problem(401, "reauthentication_required");
            assert!(answer.header("www-authenticate").contains("max_age=\"300\""), "{answer:?}");
        };
        let tokens = place.server.login("ada").await;
        place.server.advance(TimeSpan::from_secs(299));
        place.server.get_as(PATH, &tokens.access).await.is(200);
        place.server.advance(TimeSpan::from_secs(2));
        stale(&tokens).await;
        // With a second factor the password alone is not enough.
        let tokens = place.server.login("ada").await;
        let device = Authenticator::enrol(&place.server, &tokens).await;
        stale(&tokens).await;
        let tokens = device.log_in(&place.server, "ada").await;
        place.server.get_as(PATH, &tokens.access).await.is(200);
        assert_eq!(place.server.get(PATH).await.status, 401);
        let body = json!({"user_id": "x"});
        let answer = place.server.call_as(Method::GET, PATH, &tokens.access, body).await;
        answer.is_problem(422, "validation_failed");
        assert_eq!(place.server.events(&place.root, "account.exported").await.len(), 2);
    })
    .await;
}
