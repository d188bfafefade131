//! Whether the time of an answer tells whose address, login or credential a request names, and whether a mail server that
//! hangs, refuses or replies wrongly changes it.
//!
//! Not part of the ordinary run: a machine that does other things would decide the outcome. `.ci/full` runs it, or by
//! hand: `SIGNET_TEST_TIMING=1 cargo test --test suite -- timing --nocapture --test-threads 1`. That the same
//! statements are run and the same mails are posted is asserted in `unknown_users` and needs no clock.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::digest::sha256_base64url;

use crate::support::mailed::MailingServer;
use crate::support::relying_party::{App, VERIFIER};
use crate::support::server::{PASSWORD, Server};
use crate::support::smtp_sink::Behavior;
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::{Backend, require};

const ISSUER: &str = "https://id.example.com";
const ROUNDS: usize = 300;
/// Rounds before the measured ones.
const WARM_UP: usize = 20;
/// The smallest difference that is reported, in milliseconds.
const LEAST: f64 = 0.3;

fn is_wanted() -> bool {
    require::variable("SIGNET_TEST_TIMING").is_some()
}

/// Runs every class once in each round, and returns the median of each in milliseconds.
async fn interleaved(classes: usize, mut run: impl AsyncFnMut(usize) -> f64) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(ROUNDS); classes];
    for round in 0..WARM_UP + ROUNDS {
        for (class, times) in times.iter_mut().enumerate() {
            let took = run(class).await;
            if round >= WARM_UP {
                times.push(took);
            }
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.iter_mut().map(median).collect()
}

/// The first two classes are the same one: their difference is the noise of the machine.
#[track_caller]
fn take_the_same_time(what: &str, names: &[&str], medians: &[f64]) {
    for (name, median) in names.iter().zip(medians) {
        eprintln!("{median:8.3} ms  {what}: {name}");
    }
    let noise = (medians[0] - medians[1]).abs();
    let allowed = f64::max(LEAST, noise * 3.0).max(medians[0] * 0.05);
    for (name, median) in names.iter().zip(medians).skip(2) {
        let difference = (median - medians[0]).abs();
        assert!(difference < allowed, "{what}, {name}: {difference:.3} ms, {allowed:.3} allowed");
    }
}

async fn milliseconds(work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    began.elapsed().as_secs_f64() * 1000.0
}

/// A verified address, a disabled user's and an unverified one.
async fn users(place: &MailingServer) {
    place.user("ada", "ada@example.org").await;
    let off = place.user("off", "off@example.org").await;
    let path = format!("/v1/admin/users/{off}/disable");
    place.admin(Method::POST, &path, Value::Null).await.is(200);
    let unverified = json!({"login": "eve", "password": PASSWORD, "email": "eve@example.org"});
    place.admin(Method::POST, "/v1/admin/users", unverified).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_takes_the_same_time_for_every_address() {
    if !is_wanted() {
        return;
    }
    let place = MailingServer::start(Backend::Sqlite).await;
    users(&place).await;
    let names = ["known", "known (control)", "unknown", "disabled", "unverified"];
    let addresses =
        ["ada", "ada", "nobody", "off", "eve"].map(|user| format!("{user}@example.org"));
    let medians = interleaved(names.len(), async |class| {
        place.delivered().await;
        milliseconds(async { drop(place.recover(&addresses[class]).await) }).await
    })
    .await;
    take_the_same_time("recovery", &names, &medians);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_takes_the_same_time_for_every_address() {
    if !is_wanted() {
        return;
    }
    let settings = [("SIGNET_REGISTRATION", "verified")];
    let place = MailingServer::with(Backend::Sqlite, &settings).await;
    users(&place).await;
    let names = ["new", "new (control)", "taken", "disabled", "unverified"];
    let addresses = ["new", "new", "ada", "off", "eve"].map(|user| format!("{user}@example.org"));
    let medians = interleaved(names.len(), async |class| {
        place.delivered().await;
        let body = json!({"email": addresses[class]});
        milliseconds(async {
            place.server.post("/v1/register", body).await.is(202);
        })
        .await
    })
    .await;
    take_the_same_time("sign-up", &names, &medians);
}

/// A passkey of a user with this login.
async fn passkey_of(place: &MailingServer, login: &str) -> (String, SoftwareAuthenticator) {
    let id = place.user(login, &format!("{login}@example.org")).await;
    let tokens = place.server.login(login).await;
    let call = async |path: &str, body| {
        place.server.call_as(Method::POST, path, &tokens.access, body).await
    };
    let begun = call("/v1/factors/passkeys/options", Value::Null).await.is(200).json();
    let mut passkey = SoftwareAuthenticator::new(ISSUER);
    let credential = passkey.create(&begun["public_key"]);
    let body = json!({"challenge": begun["challenge"], "credential": credential});
    call("/v1/factors/passkeys", body).await.is(201);
    (id, passkey)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_takes_the_same_time_whoever_has_it() {
    if !is_wanted() {
        return;
    }
    let place = MailingServer::with(Backend::Sqlite, &[("SIGNET_ISSUER", ISSUER)]).await;
    let (_, on) = passkey_of(&place, "on").await;
    let (off, mut disabled) = passkey_of(&place, "off").await;
    let (gone, mut deleted) = passkey_of(&place, "gone").await;
    let path = format!("/v1/admin/users/{off}/disable");
    place.admin(Method::POST, &path, Value::Null).await.is(200);
    let path = format!("/v1/admin/users/{gone}");
    place.admin(Method::DELETE, &path, Value::Null).await.is(204);
    let mut unknown = SoftwareAuthenticator::new(ISSUER);
    unknown.user_handle = on.user_handle.clone();
    let names = ["unknown", "unknown (control)", "disabled", "deleted"];
    let medians = interleaved(names.len(), async |class| {
        let passkey = match class {
            0 | 1 => &mut unknown,
            2 => &mut disabled,
            _ => &mut deleted,
        };
        let begun = place.server.post("/v1/login/passkey", json!({})).await.is(200).json();
        let credential = passkey.get(&begun["public_key"]);
        let body = json!({"challenge": begun["challenge"], "credential": credential});
        milliseconds(async {
            place.server.post("/v1/login/continue", body).await.is_problem(401, "mfa_failed");
        })
        .await
    })
    .await;
    take_the_same_time("passkey", &names, &medians);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_hint_takes_the_same_time_for_every_name() {
    if !is_wanted() {
        return;
    }
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
        "first_party": true});
    let app = App::register(&server, &root, native).await;
    let challenge = sha256_base64url(VERIFIER.as_bytes());
    let names = ["known", "known (control)", "unknown"];
    let medians = interleaved(names.len(), async |class| {
        let fields = [
            ("response_type", "code"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", ["ada", "ada", "nobody"][class]),
        ];
        milliseconds(async {
            app.call(&server, "/oauth2/authorize-challenge", &fields).await.is(400);
        })
        .await
    })
    .await;
    take_the_same_time("login_hint", &names, &medians);
}

/// A recovery with a mail server that works, hangs, refuses and disconnects: each class has a server of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_takes_the_same_time_whatever_the_mail_server_does() {
    if !is_wanted() {
        return;
    }
    let behaviors = [
        Behavior::Accept,
        Behavior::Accept,
        Behavior::SilentAtGreeting,
        Behavior::SilentAfterData,
        Behavior::Reply("RCPT", "550 5.1.1 no such user"),
        Behavior::Reply("RCPT", "451 4.3.0 later"),
        Behavior::DropAfterData,
    ];
    let names =
        ["works", "works (control)", "hangs", "hangs after the mail", "refuses", "defers", "drops"];
    let mut places = Vec::new();
    for behavior in behaviors {
        let place = MailingServer::start(Backend::Sqlite).await;
        place.user("ada", "ada@example.org").await;
        place.sink.behave(std::iter::repeat_n(behavior, 4 * (ROUNDS + WARM_UP)));
        places.push(place);
    }
    let medians = interleaved(names.len(), async |class| {
        // Accepted mails are delivered before the next request; nothing else is waited for.
        if class < 2 {
            places[class].delivered().await;
        }
        milliseconds(async { drop(places[class].recover("ada@example.org").await) }).await
    })
    .await;
    take_the_same_time("recovery, mail server", &names, &medians);
}
