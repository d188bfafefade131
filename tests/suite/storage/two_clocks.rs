//! Processes whose clocks differ, on one database: stored times follow the clock of the database.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::http::metrics_text;
use signet::jobs;

use crate::support::process::Launch;
use crate::support::server::{Options, Server, on_both};
use crate::support::{Backend, postgres, require};

const AHEAD: TimeSpan = TimeSpan::from_secs(40);

/// Two processes on one database; the clock of the second one is `ahead` of the database's.
async fn skewed(name: &str, ahead: TimeSpan) -> Option<(Server, Server)> {
    let Some(url) = postgres::fresh_database().await else {
        require::missing("postgres", name);
        return None;
    };
    let one = Options::on(Backend::Postgres).on_database(&url).start().await;
    let key = std::fs::read_to_string(one.dir.path().join("data/master.key")).unwrap();
    let two = Options::on(Backend::Postgres)
        .on_database(&url)
        .with("SIGNET_MASTER_KEY", key.trim())
        .with("SIGNET_ISSUER", &one.base)
        .clock_ahead(ahead);
    Some((one, two.start().await))
}

/// A client repeats a refresh at the other process within the window: for both clocks it is within.
#[tokio::test(flavor = "multi_thread")]
async fn a_retried_refresh_is_a_retry_at_a_process_whose_clock_is_40_seconds_off() {
    for ahead in [AHEAD, TimeSpan::ZERO - AHEAD] {
        let Some((one, two)) = skewed("a retry between two clocks", ahead).await else { return };
        assert_eq!(two.now(), one.now(), "what is stored");
        one.register("ada").await;
        let root = one.administrator("root").await;
        for (here, there) in [(&one, &two), (&two, &one)] {
            let mut token = here.login("ada").await.refresh;
            // Four in a row: a retry that is treated as late would raise the alarm at the fourth.
            for _ in 0..6 {
                let answered = here.refresh(&token).await.is(200).string("refresh_token");
                let again = there.refresh(&token).await.is(200).string("refresh_token");
                assert_eq!(again, answered, "a sibling was made for a retry within the window");
                token = answered;
            }
        }
        assert_eq!(one.events(&root, "refresh.superseded").await.len(), 0);
        assert_eq!(one.events(&root, "refresh.reuse_detected").await.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_follows_the_clock_of_the_database_and_never_goes_back() {
    let Some((_one, two)) = skewed("following a clock", TimeSpan::ZERO).await else { return };
    let right = two.now();
    let follow = async |database_ahead: TimeSpan| {
        two.database_is_ahead(database_ahead);
        jobs::beat(&two.app).await.unwrap();
        two.now()
    };
    let millis = TimeSpan::from_millis;
    assert_eq!(follow(millis(250)).await, right, "too little to be certain of");
    assert_eq!(follow(millis(251)).await, right + millis(251));
    assert_eq!(follow(millis(3_000)).await, right + millis(3_000));
    // The correction ends, and the time stands still until it has caught up.
    assert_eq!(follow(TimeSpan::ZERO).await, right + millis(3_000));
    two.advance(millis(2_999));
    assert_eq!(two.now(), right + millis(3_000));
    two.advance(millis(2));
    assert_eq!(two.now(), right + millis(3_001));
    let before = two.now();
    assert_eq!(follow(millis(-60_000)).await, before);
    two.advance(millis(60_000));
    assert_eq!(two.now(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_is_measured_and_a_large_one_is_not_ready() {
    let name = "a clock that is far off";
    let Some((_one, two)) = skewed(name, TimeSpan::ZERO).await else { return };
    // Half the retry window of 30 s.
    for (millis, ready) in [(0, 200), (15_000, 200), (-15_000, 200), (15_001, 503), (-15_001, 503)]
    {
        two.database_is_ahead(TimeSpan::from_millis(millis));
        jobs::beat(&two.app).await.unwrap();
        let text = metrics_text(&two.app);
        let seconds = millis as f64 / 1000.0;
        assert!(text.contains(&format!("\nsignet_clock_offset_seconds {seconds}\n")), "{text}");
        for path in ["/ready", "/ready/read"] {
            let answer = two.get(path).await;
            answer.is(ready);
            let clock = answer.json()["checks"]["clock"].clone();
            assert_eq!(clock == "ok", ready == 200, "{millis}: {}", answer.text);
        }
    }
    // A window of zero: five seconds.
    let url = two.database_url.clone().unwrap();
    let key = std::fs::read_to_string(_one.dir.path().join("data/master.key")).unwrap();
    let options = Options::on(Backend::Postgres)
        .on_database(&url)
        .with("SIGNET_MASTER_KEY", key.trim())
        .with("SIGNET_REFRESH_RETRY_WINDOW", "0s");
    let three = options.clock_ahead(TimeSpan::from_millis(5_001)).start().await;
    three.get("/ready").await.is(503);
    three.database_is_ahead(TimeSpan::from_millis(-5_000));
    jobs::beat(&three.app).await.unwrap();
    three.get("/ready").await.is(200);
}

/// If the database's clock is far off, tokens have the time of this machine, because they are read by
/// services that do not know the database.
#[tokio::test(flavor = "multi_thread")]
async fn claims_do_not_follow_a_database_that_is_far_off() {
    for (seconds, follows) in [(10, true), (3_600, false), (-3_600, false)] {
        let ahead = TimeSpan::from_secs(-seconds);
        let Some((one, two)) = skewed("the time in claims", ahead).await else { return };
        one.register("ada").await;
        let tokens = two.login("ada").await;
        let claims = tokens.claims();
        let iat = claims["iat"].as_i64().unwrap();
        let expected = if follows { one.now() } else { one.now() + ahead };
        assert_eq!(iat, expected.secs(), "the database is {seconds} s ahead");
        assert_eq!(claims["exp"].as_i64().unwrap() - iat, 600);
        two.get_as("/v1/me", &tokens.access).await.is(200);
        two.advance(TimeSpan::from_secs(600));
        let expired = two.get_as("/v1/me", &tokens.access).await;
        assert!(
            expired.is_problem(401, "invalid_token").text.contains("expired"),
            "{}",
            expired.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_server_has_a_row_and_takes_it_away_when_it_ends() {
    on_both("rows of processes", async |backend| {
        let server = Server::start(backend).await;
        jobs::beat(&server.app).await.unwrap();
        let count = async |server: &Server| {
            let mut reader = server.app.db.reader().await.unwrap();
            let life = TimeSpan::from_mins(1);
            let found = signet::store::processes::running(&mut reader, server.now(), life).await;
            found.unwrap()
        };
        let rows = count(&server).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((&*rows[0].version, rows[0].clock_offset), (env!("CARGO_PKG_VERSION"), 0));
        assert!(rows[0].name.ends_with(&format!("/{}", std::process::id())), "{}", rows[0].name);
        assert!(rows[0].schema_known >= 12);
        let settings: serde_json::Value = serde_json::from_str(&rows[0].settings).unwrap();
        assert_eq!(settings["SIGNET_ISSUER"], json!(server.base));
        assert!(!rows[0].settings.contains("SIGNET_DATABASE_URL"));

        let Some(url) = server.database_url.clone() else { return };
        let key = std::fs::read_to_string(server.dir.path().join("data/master.key")).unwrap();
        let other = || {
            let options = Options::on(Backend::Postgres).on_database(&url);
            options.with("SIGNET_MASTER_KEY", key.trim()).with("SIGNET_ISSUER", &server.base)
        };
        let two = other().start().await;
        jobs::beat(&two.app).await.unwrap();
        assert_eq!(count(&server).await.len(), 2);
        drop(two);
        assert_eq!(count(&server).await.len(), 1, "it said that it ends");
        // A process that is killed leaves its row for a minute after its last heartbeat.
        let mut dead = rows[0].clone();
        dead.id = signet::base::id::ProcessId::new(server.now(), &*server.app.entropy);
        let mut tx = server.app.db.begin().await.unwrap();
        signet::store::processes::beat(&mut tx, &dead).await.unwrap();
        tx.commit().await.unwrap();
        server.advance(TimeSpan::from_millis(60_001));
        jobs::beat(&server.app).await.unwrap();
        let left = count(&server).await;
        assert_eq!((left.len(), left[0].id), (1, rows[0].id));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_differ_for_ten_minutes_are_counted() {
    let Some((one, two)) = skewed("settings that differ", TimeSpan::ZERO).await else { return };
    let metric = |server: &Server| {
        let text = metrics_text(&server.app);
        let line = text.lines().find(|line| line.starts_with("signet_settings_that_differ "));
        line.unwrap().rsplit(' ').next().unwrap().parse::<i64>().unwrap()
    };
    let key = std::fs::read_to_string(one.dir.path().join("data/master.key")).unwrap();
    let odd = Options::on(Backend::Postgres)
        .on_database(one.database_url.as_ref().unwrap())
        .with("SIGNET_MASTER_KEY", key.trim())
        .with("SIGNET_ISSUER", &one.base)
        .with("SIGNET_ACCESS_TOKEN_TTL", "5m")
        .with("SIGNET_REFRESH_RETRY_WINDOW", "20s");
    let odd = odd.start().await;
    let all = [&one, &two, &odd];
    let compare = async || {
        for server in all {
            jobs::beat(&server.app).await.unwrap();
        }
        jobs::compare_settings(&one.app).await.unwrap();
        metric(&one)
    };
    assert_eq!(compare().await, 0);
    for server in all {
        server.advance(TimeSpan::from_millis(599_999));
    }
    assert_eq!(compare().await, 0, "a rolling change makes a difference on purpose");
    for server in all {
        server.advance(TimeSpan::from_millis(1));
    }
    assert_eq!(compare().await, 2);
    drop(odd);
    jobs::compare_settings(&one.app).await.unwrap();
    assert_eq!(metric(&one), 0);
    assert_eq!(one.call_as(Method::GET, "/health", "", json!(null)).await.status, 200);
}

/// Servers with different settings are one line of the log for each setting that differs, with the servers' names.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_differ_are_lines_of_the_log() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "settings that differ in the log");
    };
    let launch = Launch::new().with("SIGNET_DATABASE_URL", &url);
    let mut server = launch.start().await;
    server.signal(Signal::TERM);
    server.ended().await;
    // Two other servers, which have run for twenty minutes.
    let row = |id: u8, name: &str, ttl: &str| {
        format!(
            "INSERT INTO processes (id, name, version, schema_known, settings, clock_offset, started_at, beat_at) \
             SELECT '00000000-0000-7000-8000-0000000000{id:02}', '{name}', '0.1.0', 1, \
             '{{\"SIGNET_ACCESS_TOKEN_TTL\": \"{ttl}\"}}', 0, now_ms - 1200000, now_ms \
             FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms) AS clock"
        )
    };
    let rows = [row(1, "east/1", "5m"), row(2, "west/2", "10m")].join("; ");
    postgres::execute(&url, &rows).await;
    let server = launch.start().await;
    server.until_logged("\"settings_differ\"").await;
    let log = server.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<Value> = lines.filter(|line| line["event"] == "settings_differ").collect();
    assert_eq!(told.len(), 1, "{log}");
    assert_eq!(told[0]["setting"], "SIGNET_ACCESS_TOKEN_TTL", "{log}");
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("east/1") && message.contains("west/2"), "{message}");
}
