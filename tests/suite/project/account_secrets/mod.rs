//! Secrets that authenticate an account must not be readable in the log: codes, links, seeds, recovery codes,
//! credentials and challenges, whether they are right, wrong or in the wrong field.
//!
//! Nor in the database or a backup of it, while mail with codes and links waits.
//!
//! Owns the life of an account with mail, a second factor and a passkey; the search is that of `secrets`.

mod further;

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use signet::base::{Clock as _, SystemClock, TimeSpan};
use signet::crypto::digest::sha256_base64url;
use signet::domain::totp::TimeStep;
use sqlx::{Connection as _, SqliteConnection};

use super::secrets::{files, holds, spellings};
use crate::support::mailed::Mailed;
use crate::support::process::{Caller, Launch, Process, until};
use crate::support::relying_party::VERIFIER;
use crate::support::second_factors::secret_of;
use crate::support::server::Answer;
use crate::support::smtp_sink::Sink;
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::tables::rows_as_text;
use crate::support::{postgres, require};

const ISSUER: &str = "http://localhost:8484";
const ADA: &str = "ada@example.org";
const ROOT_PASSWORD: &str = "root password 8Zq6";
const PASSWORD: &str = "first password 8Zq1";
const NEW: &str = "second password 8Zq2";

/// Secrets that a user and an administrator were given or have sent.
#[derive(Default)]
struct Secrets {
    /// Texts that are too long to occur by chance.
    texts: Vec<String>,
    /// Codes of digits, which could be a part of a longer number.
    digits: Vec<String>,
}

/// An account whose life is in the log.
struct Life {
    server: Process,
    caller: Caller,
    sink: Sink,
    secrets: Secrets,
}

impl Life {
    async fn call(&self, method: Method, path: &str, access: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then_some(&body);
        self.caller.try_call(method, path, Some(access), body).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.caller.post(path, &body).await
    }

    fn keep(&mut self, texts: &[&str]) {
        self.secrets.texts.extend(texts.iter().map(|text| (*text).to_owned()));
    }

    fn keep_tokens(&mut self, answer: &Answer) -> String {
        let access = answer.is(200).string("access_token");
        self.keep(&[&access]);
        if let Some(refresh) = answer.json()["refresh_token"].as_str() {
            self.keep(&[refresh]);
        }
        access
    }

    fn keep_challenge(&mut self, answer: &Answer) -> String {
        let challenge = answer.string("challenge");
        self.keep(&[&challenge]);
        challenge
    }

    /// The `nth` received mail, counted from one.
    async fn mailed(&mut self, nth: usize) -> Mailed {
        let of = |sink: &Sink| sink.received().iter().filter_map(Mailed::of).collect::<Vec<_>>();
        until("a mail", async || of(&self.sink).len() >= nth).await;
        let mailed = of(&self.sink).remove(nth - 1);
        self.keep_mailed(&mailed);
        mailed
    }

    fn keep_mailed(&mut self, mailed: &Mailed) {
        if !mailed.link.is_empty() {
            self.keep(&[&mailed.link]);
        }
        if !mailed.code.is_empty() {
            self.secrets.digits.push(mailed.code.clone());
            self.keep(&[&format!("{} {}", &mailed.code[..4], &mailed.code[4..])]);
        }
    }

    async fn administrator(&mut self) -> String {
        let path = self.server.setup_path().await;
        self.caller.form(&path, &[("login", "root"), ("password", ROOT_PASSWORD)]).await.is(200);
        let body = json!({"login": "root", "password": ROOT_PASSWORD, "scope": "signet:admin"});
        let answer = self.post("/v1/login", body).await;
        self.keep_tokens(&answer)
    }

    async fn log_in(&self, password: &str) -> Answer {
        self.post("/v1/login", json!({"login": "ada", "password": password})).await
    }

    async fn proceed(&self, challenge: &str, more: Value) -> Answer {
        let mut body = more;
        body["challenge"] = json!(challenge);
        self.post("/v1/login/continue", body).await
    }

    /// An invitation, accepted with its link.
    async fn invited(&mut self, root: &str) {
        let body = json!({"login": "ada", "email": ADA, "invite": true});
        self.call(Method::POST, "/v1/admin/users", root, body).await.is(201);
        let mailed = self.mailed(1).await;
        self.caller.get(&mailed.path()).await.is(200);
        let body = json!({"token": mailed.link, "new_password": PASSWORD});
        self.post("/v1/link", body.clone()).await.is(204);
        self.post("/v1/link", body).await.is(404);
    }

    /// An app with its recovery codes, and sign-ins with both.
    async fn second_factor(&mut self) -> Vec<String> {
        let access = self.keep_tokens(&self.log_in(PASSWORD).await);
        let begun = self.call(Method::POST, "/v1/factors/totp", &access, Value::Null).await;
        let (seed, setup) = (begun.is(200).string("secret"), begun.string("setup"));
        self.keep(&[&seed, &setup, &begun.string("otpauth_uri")]);
        let step = TimeStep::at(SystemClock.now());
        let secret = secret_of(&seed);
        let code = |step| String::from_utf8(secret.code(step).to_vec()).unwrap();
        let next = TimeStep::at(SystemClock.now() + TimeSpan::from_secs(30));
        let (first, second) = (code(step), code(next));
        self.secrets.digits.extend([first.clone(), second.clone()]);
        let confirm = json!({"setup": setup, "code": first, "name": "Phone"});
        let path = "/v1/factors/totp/confirm";
        let done = self.call(Method::POST, path, &access, confirm).await.is(201).json();
        let codes = done["recovery_codes"].as_array().unwrap().iter();
        let codes: Vec<String> = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        for code in &codes {
            self.keep(&[code, &code.replace('-', ""), &code.to_lowercase()]);
        }
        let challenge = self.keep_challenge(&self.log_in(PASSWORD).await);
        self.proceed(&challenge, json!({"code": first})).await.is(401);
        self.keep_tokens(&self.proceed(&challenge, json!({"code": second})).await);
        // Used codes, and codes in wrong fields.
        self.proceed(&challenge, json!({"code": second})).await.is(401);
        let stray = format!("/v1/login/continue?challenge={challenge}&code={}", codes[9]);
        self.post(&stray, json!({})).await;
        self.proceed("", json!({"code": codes[9], "method": codes[9]})).await;
        self.proceed(&codes[9], json!({"setup": seed, "code": {"code": second}})).await;
        codes
    }

    /// A session is stepped up, and the address is changed and restored.
    async fn changes(&mut self, codes: &[String]) {
        let challenge = self.keep_challenge(&self.log_in(PASSWORD).await);
        let access = self.keep_tokens(&self.proceed(&challenge, json!({"code": codes[0]})).await);
        let body = json!({"max_age": 0});
        let asked = self.call(Method::POST, "/v1/step-up", &access, body).await;
        let challenge = self.keep_challenge(asked.is(401));
        let asked = self.proceed(&challenge, json!({"password": PASSWORD})).await;
        let challenge = self.keep_challenge(asked.is(401));
        let answer = self.proceed(&challenge, json!({"code": codes[1]})).await;
        let access = self.keep_tokens(&answer);
        let body = json!({"email": "lovelace@example.net"});
        self.call(Method::PUT, "/v1/email", &access, body).await.is(202);
        let mailed = self.mailed(2).await;
        let verify = |code: &str| json!({ "code": code });
        let path = "/v1/email/verify";
        let wrong = mailed.wrong_code();
        self.secrets.digits.push(wrong.clone());
        self.call(Method::POST, path, &access, verify(&wrong)).await.is(422);
        self.call(Method::POST, path, &access, verify(&mailed.code)).await.is(204);
        let undo = self.mailed(3).await;
        self.caller.get(&undo.path()).await.is(200);
        self.post("/v1/link", json!({"token": undo.link})).await.is(204);
    }

    /// The password, which has to be changed, is forgotten.
    async fn recovered(&mut self, codes: &[String]) {
        let asked = self.post("/v1/recovery", json!({"email": ADA})).await;
        let first = self.keep_challenge(asked.is(202));
        let mailed = self.mailed(4).await;
        self.caller.get(&mailed.path()).await.is(200);
        let wrong = mailed.wrong_code();
        self.secrets.digits.push(wrong.clone());
        self.proceed(&first, json!({"code": wrong})).await.is(401);
        let asked = self.proceed(&first, json!({"code": mailed.code})).await;
        let second = self.keep_challenge(asked.is(401));
        let asked = self.proceed(&second, json!({"code": codes[2]})).await;
        let third = self.keep_challenge(asked.is(401));
        self.proceed(&third, json!({"new_password": NEW})).await.is(204);
        self.post("/v1/link", json!({"token": mailed.link, "new_password": NEW})).await.is(404);
    }

    /// A passkey is added, signs in, and is refused.
    async fn passkey(&mut self, codes: &[String]) {
        let challenge = self.keep_challenge(&self.log_in(NEW).await);
        let access = self.keep_tokens(&self.proceed(&challenge, json!({"code": codes[3]})).await);
        let path = "/v1/factors/passkeys";
        let begun = self
            .call(Method::POST, &format!("{path}/options"), &access, Value::Null)
            .await
            .is(200)
            .json();
        let mut passkey = SoftwareAuthenticator::new(ISSUER);
        let credential = passkey.create(&begun["public_key"]);
        let body = json!({"challenge": begun["challenge"], "credential": credential});
        self.keep_credential(&begun, &credential);
        self.call(Method::POST, path, &access, body.clone()).await.is(201);
        self.call(Method::POST, path, &access, body).await;
        for is_right in [false, true] {
            let begun = self.post("/v1/login/passkey", json!({})).await.is(200).json();
            let made =
                passkey.get_with(&begun["public_key"], |made| made.bad_signature = !is_right);
            self.keep_credential(&begun, &made);
            let challenge = begun["challenge"].as_str().unwrap();
            let answer = self.proceed(challenge, json!({"credential": made})).await;
            if is_right {
                self.keep_tokens(&answer);
            } else {
                answer.is(401);
            }
        }
    }

    fn keep_credential(&mut self, begun: &Value, credential: &Value) {
        let response = &credential["response"];
        let texts = [
            &begun["challenge"],
            &begun["public_key"]["challenge"],
            &credential["id"],
            &response["clientDataJSON"],
            &response["attestationObject"],
            &response["authenticatorData"],
            &response["signature"],
        ];
        let texts: Vec<&str> = texts.into_iter().filter_map(Value::as_str).collect();
        self.keep(&texts);
    }

    /// A sign-in in the form of a first-party application.
    async fn first_party(&mut self, root: &str, codes: &[String]) {
        let client = json!({"client_id": "own", "name": "Own", "type": "native",
            "redirect_uris": ["http://127.0.0.1/cb"], "first_party": true});
        self.call(Method::POST, "/v1/admin/clients", root, client).await.is(201);
        let challenge = sha256_base64url(VERIFIER.as_bytes());
        let path = "/oauth2/authorize-challenge";
        let begin = [
            ("client_id", "own"),
            ("response_type", "code"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
            ("login", "ada"),
            ("password", NEW),
        ];
        let asked = self.caller.form(path, &begin).await;
        let session = asked.is(400).string("auth_session");
        let fields = [("client_id", "own"), ("auth_session", &*session), ("code", &*codes[4])];
        let done = self.caller.form(path, &fields).await;
        let code = done.is(200).string("authorization_code");
        self.keep(&[&session, &code, PASSWORD, NEW, ROOT_PASSWORD]);
    }
}

/// Whether a log has this number, and not as a part of another one, such as a fraction of a second.
fn has_number(log: &str, digits: &str) -> bool {
    let is_part = |other: Option<char>| other.is_some_and(|c| c.is_ascii_digit() || c == '.');
    log.match_indices(digits).any(|(at, _)| {
        let (before, after) = (&log[..at], &log[at + digits.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

async fn live_and_search(database: Option<&str>) {
    let sink = Sink::start().await;
    let mut launch = Launch::new()
        .with("SIGNET_LOG", "debug,signet=trace")
        .with("SIGNET_LOG_FORMAT", "json")
        .with("SIGNET_ISSUER", ISSUER)
        .with("SIGNET_REGISTRATION", "verified")
        .with("SIGNET_SMTP_URL", &sink.url())
        .with("SIGNET_MAIL_FROM", "Example <signet@example.com>");
    if let Some(url) = database {
        launch = launch.with("SIGNET_DATABASE_URL", url);
    }
    let server = launch.start().await;
    let caller = server.caller();
    let mut life = Life { server, caller, sink, secrets: Secrets::default() };
    let root = life.administrator().await;
    life.invited(&root).await;
    let codes = life.second_factor().await;
    life.changes(&codes).await;
    life.recovered(&codes).await;
    life.passkey(&codes).await;
    life.first_party(&root, &codes).await;
    life.signed_up(&root).await;
    life.at_the_pages(&codes).await;
    life.waiting(&codes).await;
    let stored = match database {
        Some(url) => rows_as_text(url).await.into_bytes(),
        None => backup(&launch).await,
    };
    let Life { mut server, secrets, .. } = life;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0));
    let log = server.all_of_log();
    for event in [
        "invitation.accepted",
        "factor.added",
        "recovery_code.used",
        "email.changed",
        "account.recovered",
        "login.stepped_up",
        "factor.failed",
        "user.created",
    ] {
        assert!(log.contains(event), "the search would find nothing of {event}: {log}");
    }
    let written = files(&launch);
    for secret in &secrets.texts {
        for spelling in spellings(secret) {
            assert!(!log.contains(&spelling), "{spelling} is in the log:\n{log}");
        }
        for spelling in spellings(secret) {
            assert!(!holds(&stored, spelling.as_bytes()), "{spelling} is in the backup");
        }
        // The id of a credential is stored as bytes, and is not secret in the database.
        for (name, bytes) in &written {
            assert!(!holds(bytes, secret.as_bytes()), "{secret} is in {name}");
        }
    }
    for code in &secrets.digits {
        assert!(!has_number(&log, code), "{code} is in the log:\n{log}");
        // Six digits can occur in hexadecimal digits by chance.
        let is_stored = code.len() > 6 && holds(&stored, code.as_bytes());
        assert!(!is_stored, "{code} is in the backup");
    }
    // The search itself works: stored addresses are found.
    for address in [ADA, further::SIGNED_UP] {
        assert!(holds(&stored, address.as_bytes()), "the search would find nothing");
    }
}

/// A copy of a SQLite database, made while the server runs.
async fn backup(launch: &Launch) -> Vec<u8> {
    let file = launch.dir.path().join("backup.db");
    let url = format!("sqlite://{}", launch.database().display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let sql = format!("VACUUM INTO '{}'", file.display());
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    std::fs::read(file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_has_what_an_account_is_proved_with() {
    live_and_search(None).await;
    match postgres::fresh_database().await {
        Some(url) => live_and_search(Some(&url)).await,
        None => require::missing("postgres", "the log of an account"),
    }
}

#[test]
fn the_search_finds_a_number_that_stands_alone() {
    assert!(has_number(r#"{"code":"123456"}"#, "123456"));
    assert!(has_number("code 123456", "123456"));
    for part in ["12:00:00.123456Z", "1123456", "1234567", "123456.5"] {
        assert!(!has_number(part, "123456"), "{part}");
    }
}
