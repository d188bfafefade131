//! Redemptions: optional parameters, requests that use a code up, and the error texts for each kind of client.

use futures_util::future::{join, join_all};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::{execute, fetch_all};

use crate::support::relying_party::{App, FORM, Person, REDIRECT_URI, VERIFIER, error_of, form};
use crate::support::server::Options;
use crate::support::{Backend, Server, on_both, postgres, require};

use super::token::{Set, TOKEN, redeem, set};

const OTHER_URI: &str = "https://app.example.com/other";

/// Removes the challenge from the only unredeemed code, as if its request had had none.
async fn without_challenge(server: &Server) {
    let mut tx = server.app.db.begin().await.unwrap();
    let rows = fetch_all!(
        &mut tx,
        (Vec<u8>, String),
        "SELECT hash, grants FROM authorization_codes WHERE redeemed_at IS NULL"
    );
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 1);
    for (hash, grants) in rows {
        let mut grants: Value = serde_json::from_str(&grants).unwrap();
        assert!(grants.as_object_mut().unwrap().remove("code_challenge").is_some());
        let changed = execute!(
            &mut tx,
            "UPDATE authorization_codes SET grants = $1 WHERE hash = $2",
            grants.to_string(),
            hash
        );
        assert_eq!(changed.unwrap(), 1);
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_lacks_a_parameter_leaves_the_code_as_it_was() {
    on_both("incomplete redemptions", async |backend| {
        let Set { server, web, spa, .. } = set(backend).await;
        let ada = Person::new(&server, "ada");
        for app in [&web, &spa] {
            let code = app.code(&ada, &[]).await;
            for _ in 0..3 {
                for lacking in ["code_verifier", "code"] {
                    let answer = redeem(&server, app, &[(lacking, "")], &code).await;
                    assert_eq!(error_of(&answer, 400), "invalid_request", "{lacking}");
                    let said = answer.string("error_description");
                    assert_eq!(said, format!("{lacking} is missing."));
                }
            }
            // A client that does not identify itself.
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
            ];
            let request = server.request(Method::POST, TOKEN).header(CONTENT_TYPE, FORM);
            let answer = server.send(request.body(form(fields))).await;
            assert_eq!(error_of(&answer, 401), "invalid_client");
            let tokens = redeem(&server, app, &[], &code).await.is(200).json();
            app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_makes_the_redirect_uri_superfluous() {
    on_both("redemptions without redirect_uri", async |backend| {
        let Set { server, root, web, spa } = set(backend).await;
        let several = json!({"type": "web", "redirect_uris": [REDIRECT_URI, OTHER_URI]});
        let several = App::register(&server, &root, several).await;
        let ada = Person::new(&server, "ada");
        for app in [&web, &spa, &several] {
            let code = app.code(&ada, &[]).await;
            redeem(&server, app, &[("redirect_uri", "")], &code).await.is(200);
            // A different one is refused, also if it is registered, and uses the code up.
            let code = app.code(&ada, &[]).await;
            let wrong = redeem(&server, app, &[("redirect_uri", OTHER_URI)], &code).await;
            assert_eq!(error_of(&wrong, 400), "invalid_grant");
            let again = redeem(&server, app, &[], &code).await;
            assert_eq!(error_of(&again, 400), "invalid_grant");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_challenge_the_redirect_uri_is_needed_where_there_are_several() {
    on_both("redemptions without challenge", async |backend| {
        let Set { server, root, web, .. } = set(backend).await;
        let several = json!({"type": "web", "redirect_uris": [REDIRECT_URI, OTHER_URI]});
        let several = App::register(&server, &root, several).await;
        let ada = Person::new(&server, "ada");
        let none = [("code_verifier", ""), ("redirect_uri", "")];

        let code = web.code(&ada, &[]).await;
        without_challenge(&server).await;
        redeem(&server, &web, &none, &code).await.is(200);

        let code = several.code(&ada, &[]).await;
        without_challenge(&server).await;
        for _ in 0..3 {
            let lacking = redeem(&server, &several, &none, &code).await;
            assert_eq!(error_of(&lacking, 400), "invalid_request");
            assert_eq!(lacking.string("error_description"), "redirect_uri is missing.");
        }
        redeem(&server, &several, &[("code_verifier", "")], &code).await.is(200);

        // A verifier without a challenge: the challenge was removed by an attacker.
        for app in [&web, &several] {
            let code = app.code(&ada, &[]).await;
            without_challenge(&server).await;
            let downgraded = redeem(&server, app, &[], &code).await;
            assert_eq!(error_of(&downgraded, 400), "invalid_grant");
            let again = redeem(&server, app, &[("code_verifier", "")], &code).await;
            assert_eq!(error_of(&again, 400), "invalid_grant");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_credential_learns_the_cause_and_a_public_one_does_not() {
    let Set { server, root, web, spa } = set(Backend::Sqlite).await;
    let ada = Person::new(&server, "ada");
    let mut told = Vec::new();
    for app in [&web, &spa] {
        let other = json!({"type": if app.id == web.id { "web" } else { "spa" }});
        let other = App::register(&server, &root, other).await;
        let wrong = "v".repeat(43);
        for what in ["used", "expired", "client", "redirect_uri", "code_verifier", "unknown"] {
            let code = app.code(&ada, &[]).await;
            let (by, change) = match what {
                "client" => (&other, vec![]),
                "redirect_uri" => (app, vec![("redirect_uri", OTHER_URI)]),
                "code_verifier" => (app, vec![("code_verifier", &*wrong)]),
                _ => (app, vec![]),
            };
            let code = if what == "unknown" { format!("{code}x") } else { code };
            if what == "used" {
                redeem(&server, app, &[], &code).await.is(200);
            }
            if what == "expired" {
                server.advance(TimeSpan::from_secs(61));
            }
            let answer = redeem(&server, by, &change, &code).await;
            assert_eq!(error_of(&answer, 400), "invalid_grant", "{what}");
            told.push((app.id == web.id, what, answer.string("error_description")));
        }
    }
    for (is_confidential, what, text) in &told {
        let public = told.last().unwrap();
        let wanted = match *what {
            _ if !is_confidential => &*public.2,
            "used" | "expired" | "unknown" => {
                "The authorization code is unknown, expired or already used."
            }
            "client" => "The authorization code was issued to another client.",
            "redirect_uri" => "redirect_uri differs from that of the authorization request.",
            _ => "code_verifier does not match the code_challenge of the authorization request.",
        };
        assert_eq!(text, wanted, "{what}");
    }
}

/// With any number of concurrent incomplete requests, the complete one gets its tokens.
#[tokio::test(flavor = "multi_thread")]
async fn incomplete_requests_keep_no_complete_one_from_its_code() {
    on_both("races of incomplete redemptions", async |backend| {
        let Set { server, web, spa, .. } = set(backend).await;
        let ada = Person::new(&server, "ada");
        for app in [&web, &spa] {
            for _ in 0..3 {
                let code = app.code(&ada, &[]).await;
                let lacking = [("code_verifier", "")];
                let incomplete = join_all((0..20).map(|_| redeem(&server, app, &lacking, &code)));
                let (complete, incomplete) =
                    join(redeem(&server, app, &[], &code), incomplete).await;
                // An incomplete request of a confidential client may be the second presentation; it must not
                // be the first.
                complete.is(200);
                for answer in &incomplete {
                    let error = error_of(answer, 400);
                    let late = app.id == web.id && error == "invalid_grant";
                    assert!(late || error == "invalid_request", "{error}");
                }
            }
        }
    })
    .await;
}

/// PostgreSQL resolves a deadlock, and a serialization failure, by aborting one transaction: a redemption is
/// then repeated, and the code is used up once.
#[tokio::test(flavor = "multi_thread")]
async fn a_redemption_that_is_the_victim_of_a_conflict_runs_again() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "redemptions that conflict");
    };
    let server = Options::on(Backend::Postgres).on_database(&url).start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    // A sequence is not rolled back, so each attempt of the insertion is counted.
    let raise = "CREATE SEQUENCE tries; CREATE TABLE plan (failures bigint, code text); \
                 CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE p plan; BEGIN \
                 SELECT * INTO p FROM plan; IF nextval('tries') <= p.failures THEN \
                 RAISE EXCEPTION 'a conflict' USING ERRCODE = p.code; END IF; RETURN NEW; END $$; \
                 CREATE TRIGGER conflict BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION conflict()";
    sqlx::raw_sql(raise).execute(&pool).await.unwrap();
    let ada = Person::new(&server, "ada");
    for code in ["40P01", "40001"] {
        for (failures, status) in [(1, 200), (2, 200), (3, 503)] {
            let authorization = app.code(&ada, &[]).await;
            let plan = format!(
                "DELETE FROM plan; INSERT INTO plan VALUES ({failures}, '{code}'); \
                 ALTER SEQUENCE tries RESTART"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(plan)).execute(&pool).await.unwrap();
            let answer = app.redeem(&server, &authorization).await;
            assert_eq!(answer.status, status, "{code} {failures}: {}", answer.text);
            // The attempt that was rolled back has not used the code up; the one that got a response has.
            let again = app.redeem(&server, &authorization).await;
            assert_eq!(again.status, if status == 503 { 200 } else { 400 }, "{}", again.text);
        }
    }
    pool.close().await;
}
