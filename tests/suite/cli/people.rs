//! `signet user find`, `why`, `set-roles` and `--from FILE`.

use serde_json::{Value, json};

use super::{PASSWORD, Place, text};
use crate::support::on_both;

fn create(place: &Place, login: &str) -> String {
    let made =
        place.run_with(&["user", "create", login, "--password-file", "-"], PASSWORD.as_bytes());
    text(&made.ok().one(), "id").to_owned()
}

fn logins(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "login").to_owned()).collect()
}

/// The report lists causes, and the exit code tells whether there are any: 0 none, 3 no such user, 7 a cause.
#[tokio::test(flavor = "multi_thread")]
async fn user_why_tells_by_its_exit_code() {
    on_both("cli: user why tells by its exit code", async |backend| {
        let place = Place::served_on(backend).await;
        let ada = create(&place, "ada");
        let good = place.run(&["user", "why", "ADA"]).ok().one();
        assert_eq!((&good["good"], &good["findings"]), (&json!(true), &json!([])));
        assert_eq!(good["account"]["password_class"], "argon2id");
        place.run(&["user", "disable", "ada"]).ok();
        for named in ["ada", &ada] {
            let ran = place.run(&["user", "why", named]);
            assert_eq!(ran.code, Some(7), "{}", ran.err);
            let report: Value = serde_json::from_str(&ran.out).unwrap();
            assert_eq!(report["findings"][0]["code"], "disabled");
            assert_eq!(report["findings"][0]["fix"], "signet user enable ada");
        }
        let ran = place.run(&["user", "why", "adda"]);
        assert_eq!(ran.code, Some(3), "{}", ran.err);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&report["exists"], &report["nearest"]), (&json!(false), &json!(["ada"])));
        let table = place.run(&["user", "why", "ada", "-o", "table"]);
        assert!(table.out.contains("The account has been disabled since"), "{}", table.out);
        assert!(table.out.contains("\n  signet user enable ada\n"), "{}", table.out);
    })
    .await;
}

/// Words and filters, over several pages.
#[tokio::test(flavor = "multi_thread")]
async fn user_find_lists_by_words_and_filters() {
    on_both("cli: user find lists by words and filters", async |backend| {
        let place = Place::served_on(backend).await;
        for login in ["ada.one", "ada.two", "ada.three", "bob"] {
            place.run(&["user", "create", login, "--no-password"]).ok();
        }
        let found =
            |args: &[&str]| logins(&place.run(&[&["user", "find"], args].concat()).ok().rows());
        assert_eq!(found(&["ada"]).len(), 3);
        assert_eq!(found(&["two", "ada"]), ["ada.two"]);
        assert_eq!(found(&["--login", "BOB"]), ["bob"]);
        assert_eq!(found(&["--password-class", "argon2id"]), [""; 0]);
        assert_eq!(found(&["--created-since", "1h", "--disabled=false"]).len(), 4);
        assert_eq!(found(&["--last-login-before", "1d", "bob"]), ["bob"]);
        let first = place.run(&["user", "find", "ada", "--limit", "2"]).ok();
        assert_eq!(first.rows().len(), 2);
        let cursor = first.err.trim().strip_prefix("There are more:  --after ").unwrap().to_owned();
        assert_eq!(found(&["ada", "--after", &cursor]).len(), 1);
        place
            .run(&["user", "find", "--created-since", "yesterday"])
            .refused(2, &["--created-since"]);
        place.run(&["user", "find", "a b c d e f g h i"]).refused(2, &["8 words"]);
    })
    .await;
}

/// Failures from one network are cleared for that network alone; until then, the report shows the end of the lock.
#[tokio::test(flavor = "multi_thread")]
async fn user_unlock_takes_a_network() {
    on_both("cli: user unlock takes a network", async |backend| {
        let place = Place::on(backend).await.without("SIGNET_RATE_LIMITS");
        let place = place.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32");
        let server = place.serve();
        create(&place, "ada");
        let (office, home) = ("192.0.2.9", "198.51.100.7");
        let client = reqwest::Client::new();
        let log_in = async |address: &str, password: &str| {
            let request = client.post(format!("{}/v1/login", server.base));
            let request = request.header("x-forwarded-for", address);
            let body = json!({"login": "ada", "password": password});
            request.json(&body).send().await.unwrap().status().as_u16()
        };
        for address in [office, home] {
            for _ in 0..20 {
                assert_eq!(log_in(address, "wrong").await, 401);
            }
            assert_eq!(log_in(address, PASSWORD).await, 429);
        }
        let locked = || -> Vec<Value> {
            let report: Value =
                serde_json::from_str(&place.run(&["user", "why", "ada"]).code(7).out).unwrap();
            let locks = report["locks"].as_array().unwrap().iter();
            locks.filter(|lock| lock["locked"] == true).cloned().collect()
        };
        let table = place.run(&["user", "why", "ada", "-o", "table"]).code(7).out;
        let both = locked();
        assert_eq!(both.len(), 2, "{both:?}");
        for lock in both {
            assert!(table.contains(text(&lock, "until")), "{lock}: {table}");
        }
        place.run(&["user", "unlock", "ada", "--network", office]).ok();
        let left = locked();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0]["network"], home);
        assert_eq!(log_in(home, PASSWORD).await, 429);
        assert_eq!(log_in(office, PASSWORD).await, 200);
        place
            .run(&["user", "unlock", "ada", "--network", "here"])
            .refused(2, &["network: A network is an IP address"]);
        place.run(&["user", "unlock", "ada"]).ok();
        assert_eq!(log_in(home, PASSWORD).await, 200);
    })
    .await;
}

/// With an invalid line in a file the exit code is 6, the line is reported, and the others are done. A dry run
/// changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn bulk_commands_do_what_they_can_and_name_bad_lines() {
    on_both("cli: bulk commands do what they can and name bad lines", async |backend| {
        let place = Place::served_on(backend).await;
        place.administrator("root");
        for login in ["ada", "bob", "eve"] {
            place.run(&["user", "create", login, "--no-password"]).ok();
        }
        let file = "# left\nada\n\nnobody\n  bob  \n";
        std::fs::write(place.dir.path().join("users.txt"), file).unwrap();
        let disabled = || {
            let mut found = logins(&place.run(&["user", "find", "--disabled"]).ok().rows());
            found.sort();
            found
        };
        let dry = place.run(&["user", "disable", "--from", "users.txt", "--dry-run"]);
        assert_eq!(dry.code, Some(6), "{}", dry.err);
        assert!(
            dry.err.contains("would disable user ada (") && dry.err.contains("line 4:"),
            "{}",
            dry.err
        );
        assert_eq!(disabled(), [""; 0]);
        let ran = place.run(&["user", "disable", "--from", "users.txt"]);
        assert_eq!(ran.code, Some(6), "{}", ran.err);
        assert!(ran.err.contains("line 4:") && ran.err.contains("nobody"), "{}", ran.err);
        assert_eq!(disabled(), ["ada", "bob"]);
        assert!(dry.err.contains("Would disable 2 users; nothing was changed"), "{}", dry.err);
        // A duplicate line is done once, and reported.
        let ran = place.run_with(&["user", "enable", "--from", "-"], b"ada\nbob\n ada\n").ok();
        assert!(ran.err.contains("Enabled 2 users\n"), "{}", ran.err);
        assert!(ran.err.contains("line 3: the same as line 1; skipped"), "{}", ran.err);
        assert_eq!(disabled(), [""; 0]);
        place.run_with(&["user", "unlock", "--from", "-"], b"ada\nbob\n").ok();
        // Roles from the command, or from the line.
        let ran = place.run_with(
            &["user", "set-roles", "--from", "-", "--role", "support"],
            b"ada\nbob billing,support\neve admin,user\n",
        );
        assert_eq!(ran.code, Some(6), "{}", ran.err);
        assert!(ran.err.contains("line 3:"), "{}", ran.err);
        let roles = |login: &str| place.run(&["user", "show", login]).ok().one()["roles"].clone();
        assert_eq!(roles("ada"), json!(["support"]));
        assert_eq!(roles("bob"), json!(["billing", "support"]));
        assert_eq!(roles("eve"), json!([]));
        place.run(&["user", "set-roles", "eve", "--role", "support"]).ok();
        assert_eq!(roles("eve"), json!(["support"]));
        place.run(&["user", "set-roles", "eve"]).refused(2, &["--role"]);
        // The last administrator is kept, also in the dry run.
        for args in [&["--dry-run"][..], &["--yes"]] {
            let args = [&["user", "delete", "--from", "-"], args].concat();
            let ran = place.run_with(&args, b"root\neve\n");
            assert_eq!(ran.code, Some(6), "{}", ran.err);
            assert!(ran.err.contains("line 1:") && ran.err.contains("last enabled"), "{}", ran.err);
        }
        place.run(&["user", "show", "eve"]).refused(3, &["eve"]);
        place.run(&["user", "show", "root"]).ok();
        place.run_with(&["user", "delete", "--from", "-"], b"ada\n").refused(2, &["--yes"]);
        place.run(&["user", "disable"]).refused(2, &["--from"]);
        place.run(&["user", "disable", "ada", "--dry-run"]).refused(2, &["--from"]);
        place.run(&["user", "disable", "--from", "missing.txt"]).refused(2, &["missing.txt"]);
    })
    .await;
}
