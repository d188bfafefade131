//! `signet session`, beside a running server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{PASSWORD, Place, Server, text};
use crate::support::on_both;
use crate::support::relying_party::{FORM, field, form};

/// Signs in at the pages as `login`, in a new browser. Returns its cookies.
async fn sign_in(server: &Server, login: &str) -> String {
    let no_redirect = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().redirect(no_redirect).build().unwrap();
    let url = format!("{}/login", server.base);
    let mut cookies = BTreeMap::new();
    let mut keep = |answer: &reqwest::Response| {
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let all: Vec<String> =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.join("; ")
    };
    let page = client.get(&url).send().await.unwrap();
    let browser = keep(&page);
    let flow = field(&page.text().await.unwrap(), "flow");
    let fields = form([("flow", &*flow), ("login", login), ("password", PASSWORD)]);
    let request = client.post(&url).header("cookie", &browser).header("content-type", FORM);
    let answer = request.body(fields).send().await.unwrap();
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    keep(&answer)
}

/// Whether the browser with these cookies is signed in.
async fn is_in(server: &Server, cookies: &str) -> bool {
    let no_redirect = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().redirect(no_redirect).build().unwrap();
    let url = format!("{}/account", server.base);
    client.get(url).header("cookie", cookies).send().await.unwrap().status() == 200
}

/// Sign-ins on the account page of a user are listed for the operator, who can end them.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_the_pages_are_listed_and_ended_like_sessions() {
    on_both("cli: sign ins at the pages are listed and ended like sessions", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        let ada = place.administrator("ada");
        place.administrator("eve");
        let first = sign_in(&server, "ada").await;
        server.log_in("ada").await;
        let second = sign_in(&server, "ada").await;
        sign_in(&server, "eve").await;
        let kinds = |rows: &[Value]| {
            rows.iter().map(|row| text(row, "kind").to_owned()).collect::<Vec<_>>()
        };
        let listed = place.run(&["session", "list", "--user", "ada"]).ok().rows();
        assert_eq!(kinds(&listed), ["browser", "client", "browser"], "newest first");
        assert!(listed.iter().all(|row| row["user_id"] == ada["id"]));
        assert_eq!(text(&listed[0], "address"), "127.0.0.1");
        assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 4);
        let table = place.run(&["session", "list", "--user", "ada", "-o", "table"]).ok();
        assert_eq!(table.out.matches("  ada   (browser)  ").count(), 2, "{}", table.out);

        // The pages together are the same list.
        let (mut paged, mut after) = (Vec::new(), None::<String>);
        for _ in 0..4 {
            let mut args = vec!["session", "list", "--limit", "1"];
            if let Some(after) = &after {
                args.extend(["--after", after]);
            }
            let ran = place.run(&args).ok();
            paged.push(ran.one());
            after = Some(text(&paged[paged.len() - 1], "id").to_owned());
        }
        assert_eq!(paged, place.run(&["session", "list"]).ok().rows());

        let newest = text(&listed[0], "id");
        place.run(&["session", "revoke", newest]).ok();
        place.run(&["session", "revoke", newest]).refused(3, &[newest]);
        assert!(!is_in(&server, &second).await && is_in(&server, &first).await);
        assert_eq!(place.run(&["session", "list", "--user", "ada"]).ok().rows().len(), 2);
        place.run(&["session", "revoke", "--user", "ada"]).ok();
        assert!(!is_in(&server, &first).await);
        assert_eq!(kinds(&place.run(&["session", "list"]).ok().rows()), ["browser"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_seen_and_ended_beside_the_server() {
    on_both("cli: sessions are seen and ended beside the server", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        let ada = place.administrator("ada");
        place.administrator("eve");
        let tokens = [server.log_in("ada").await, server.log_in("ada").await];
        server.log_in("eve").await;

        assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 3);
        let listed = place.run(&["session", "list", "--user", "ada"]).ok().rows();
        assert_eq!(listed.len(), 2);
        for session in &listed {
            assert_eq!(session["user_id"], ada["id"]);
            assert_eq!(text(session, "client_id"), "signet");
            assert!(text(session, "last_seen_at").ends_with('Z'), "{session}");
        }
        let table = place.run(&["session", "list", "--user", "ada", "-o", "table"]).ok();
        assert!(
            table.out.lines().skip(1).all(|line| line.contains("  ada   signet  ")),
            "{}",
            table.out
        );

        let first = text(&listed[1], "id");
        let ended = place.run(&["session", "revoke", first]).ok();
        assert_eq!(
            (ended.out.as_str(), ended.err.as_str()),
            ("", &*format!("Ended session {first}\n"))
        );
        place.run(&["session", "revoke", first]).refused(3, &[first]);
        place.run(&["session", "revoke", "x"]).refused(3, &["\"x\""]);
        let mut alive = Vec::new();
        for tokens in &tokens {
            alive.push(server.get("/v1/me", text(tokens, "access_token")).await.0);
        }
        assert_eq!(alive, [401, 200]);

        place.run(&["session", "revoke", "--user", "ada"]).ok();
        assert_eq!(server.get("/v1/me", text(&tokens[1], "access_token")).await.0, 401);
        assert!(place.run(&["session", "list", "--user", "ada"]).ok().rows().is_empty());
        assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 1);
        place.run(&["session", "revoke", "--user", "nobody"]).refused(3, &["nobody"]);
    })
    .await;
}

/// One command ends the sessions of any number of users, as after a restore.
#[tokio::test(flavor = "multi_thread")]
async fn every_session_of_every_user_is_ended_by_one_command() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let browser = sign_in(&server, "ada").await;
    let tokens = server.log_in("ada").await;
    // More users than one transaction handles.
    let rows = "INSERT INTO users (id, login, login_key, login_skeleton, role, password_hash, session_epoch, \
                created_at, updated_at, roles, groups, claims) SELECT randomblob(16), 'u'||value, 'u'||value, \
                'u'||value, role, password_hash, session_epoch, created_at, updated_at, roles, groups, claims \
                FROM users, (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n \
                WHERE value < 250) SELECT value FROM n)";
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query(rows).execute(&pool).await.unwrap();
    pool.close().await;
    let last = server.log_in("u250").await;
    let ran = place.run(&["session", "revoke", "--all"]).ok();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Ended every session of every user\n"));
    assert!(place.run(&["session", "list"]).ok().rows().is_empty());
    assert!(!is_in(&server, &browser).await);
    for tokens in [&tokens, &last] {
        assert_eq!(server.get("/v1/me", text(tokens, "access_token")).await.0, 401);
    }
    place.run(&["session", "revoke", "--all", "--user", "ada"]).refused(2, &["--all"]);
    server.log_in("ada").await;
}

/// Sessions below a level are ended, as after a second factor became required.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_weak_sign_ins_are_ended_by_one_command() {
    on_both("cli: sessions of weak sign ins are ended by one command", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        place.administrator("ada");
        let browser = sign_in(&server, "ada").await;
        let tokens = server.log_in("ada").await;
        let ran = place.run(&["session", "revoke", "--below", "single"]).ok();
        assert_eq!(ran.err, "Ended 0 sessions and sign-ins below urn:signet:acr:single\n");
        assert!(is_in(&server, &browser).await);
        let ran = place.run(&["session", "revoke", "--below", "mfa", "--dry-run"]).ok();
        assert!(ran.err.starts_with("Would end 2 sessions and sign-ins below"), "{}", ran.err);
        assert!(is_in(&server, &browser).await);
        let ran = place.run(&["session", "revoke", "--below", "mfa"]).ok();
        assert_eq!(ran.err, "Ended 2 sessions and sign-ins below urn:signet:acr:mfa\n");
        assert!(!is_in(&server, &browser).await);
        assert_eq!(server.get("/v1/me", text(&tokens, "access_token")).await.0, 401);
        place.run(&["session", "revoke", "--below", "strong"]).refused(2, &["single, mfa or phr"]);
        place.run(&["session", "revoke", "--below", "mfa", "--all"]).refused(2, &["--below"]);
    })
    .await;
}

/// An invalid line of a file does not prevent the others: its number and reason are reported, and the exit code is 6.
#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_file_end_and_a_bad_one_is_reported() {
    on_both("cli: the lines of a file end and a bad one is reported", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        place.administrator("ada");
        for _ in 0..3 {
            server.log_in("ada").await;
        }
        let listed = || place.run(&["session", "list"]).ok().rows();
        let rows = listed();
        let (one, two) = (text(&rows[0], "id"), text(&rows[1], "id"));
        let missing = "0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e";
        let lines = format!("# from the ticket\n{one}\n\n  not an id\r\n{missing}\n {two} \n");
        let args = ["session", "revoke", "--from", "-", "--dry-run"];
        let ran = place.run_with(&args, lines.as_bytes()).code(6);
        assert!(ran.err.contains("Would end 2 sessions"), "{}", ran.err);
        assert_eq!(listed().len(), 3, "nothing has ended");
        std::fs::write(place.dir.path().join("ids.txt"), &lines).unwrap();
        let ran = place.run(&["session", "revoke", "--from", "ids.txt"]).code(6);
        for said in [
            "line 4: session \"not an id\"",
            &format!("line 5: session {missing:?}"),
            "Ended 2 sessions",
            "2 lines failed",
        ] {
            assert!(ran.err.contains(said), "{said:?} is not in: {}", ran.err);
        }
        assert_eq!(listed().len(), 1);
        let last = text(&rows[2], "id");
        place.run_with(&["session", "revoke", "--from", "-"], last.as_bytes()).ok();
        assert!(listed().is_empty());
        place.run(&["session", "revoke", "--from", "nothing.txt"]).refused(2, &["nothing.txt"]);
    })
    .await;
}

/// Sessions are selected by common properties, counted, and ended.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_client_time_role_and_group() {
    on_both("cli: sessions end by client time role and group", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        place.administrator("ada");
        let args = [
            "user",
            "create",
            "bob",
            "--role",
            "support",
            "--group",
            "night",
            "--password-file",
            "-",
        ];
        place.run_with(&args, PASSWORD.as_bytes()).ok();
        let listed =
            |args: &[&str]| place.run(&[&["session", "list"], args].concat()).ok().rows().len();
        for (option, value, of_bob) in [
            ("--client", "signet", false),
            ("--before", "0s", false),
            ("--role", "support", true),
            ("--group", "night", true),
        ] {
            server.log_in("ada").await;
            server.log_in("bob").await;
            let all = listed(&[]);
            let dry = place.run(&["session", "revoke", option, value, "--dry-run"]).ok();
            assert_eq!(dry.one()["sessions"], if of_bob { 1 } else { all }, "{option}");
            assert_eq!(listed(&[]), all, "{option}: nothing has ended");
            place.run(&["session", "revoke", option, value]).ok();
            assert_eq!(listed(&[]), if of_bob { all - 1 } else { 0 }, "{option}");
            assert_eq!(listed(&["--user", "bob"]), 0, "{option}");
        }
        assert!(listed(&["--client", "signet"]) > 0 && listed(&["--since", "1h"]) > 0);
        assert_eq!(listed(&["--client", "other"]), 0);
        place.run(&["session", "revoke", "--client", "other"]).refused(3, &["other"]);
        place.run(&["session", "revoke", "--before", "noon"]).refused(2, &["--before"]);
        place.run(&["session", "list", "--since", "noon"]).refused(2, &["--since"]);
        place.run(&["session", "revoke", "--all", "--role", "x"]).refused(2, &["--all"]);
    })
    .await;
}
