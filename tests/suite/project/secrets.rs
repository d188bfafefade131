//! Secrets that must not be readable in logs or in a stolen database.
//!
//! Owns the search: the life of an account is driven through the real binary at its most verbose log level,
//! then all its output and every file it wrote is searched for the secrets that it received and returned.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::process::{Caller, Launch, Process};
use crate::support::relying_party::{FORM, basic, field, form, param};
use crate::support::server::Answer;

const LOGIN: &str = "very-private-person@example.com";
const ADMIN: &str = "very-private-root@example.com";
const PASSWORD: &str = "first password 8Zq1";
const CHANGED: &str = "second password 8Zq2";
const SET: &str = "third password 8Zq3";
const ONCE: &str = "for one sign-in 8Zq8";
const WRONG: &str = "wrong password 8Zq4";
const WEAK: &str = "8Zq5";
const ROOT: &str = "root password 8Zq6";
const STRAY: &str = "stray-secret-8Zq7";

/// The secrets that the clients sent or received.
struct Secrets {
    /// In no log and in no file.
    anywhere: Vec<String>,
    /// In no log; the database has to store them.
    logs: Vec<String>,
    /// In a log once, where it is printed, and in no file.
    link: String,
}

impl Secrets {
    fn keep(&mut self, answer: &Answer) -> (String, String) {
        let access = answer.is(200).string("access_token");
        let refresh = answer.string("refresh_token");
        // The signature alone completes a token whose other parts were seen.
        let signature = access.rsplit('.').next().unwrap().to_owned();
        self.anywhere.extend([access.clone(), signature, refresh.clone()]);
        (access, refresh)
    }
}

async fn call(caller: &Caller, method: Method, path: &str, access: &str, body: Value) -> Answer {
    let body = (!body.is_null()).then_some(&body);
    caller.try_call(method, path, Some(access), body).await.unwrap()
}

/// Set-up, registration, log-in, refresh, profile, password, administration, log-out, and every kind of
/// failure of them.
async fn live_a_life(server: &Process) -> Secrets {
    let caller = server.caller();
    let path = server.setup_path().await;
    let link = path.strip_prefix("/setup/").unwrap().to_owned();
    let words = [PASSWORD, CHANGED, SET, ONCE, WRONG, WEAK, ROOT, STRAY];
    let mut secrets = Secrets {
        anywhere: words.map(str::to_owned).to_vec(),
        logs: vec![LOGIN.to_owned(), ADMIN.to_owned()],
        link,
    };
    caller.get(&path).await.is(200);
    caller.form(&path, &[("login", ADMIN), ("password", WEAK)]).await.is(422);
    let page = caller.form(&path, &[("login", ADMIN), ("password", ROOT)]).await;
    let (_, first) = page.is(200).text.split_once("Bearer ").unwrap();
    secrets.anywhere.push(first.chars().take_while(|c| !"&'".contains(*c)).collect());
    caller.form(&path, &[("login", ADMIN), ("password", ROOT)]).await.is(404);

    let login = async |who: &str, password: &str, scope: &str| {
        let body = json!({"login": who, "password": password, "scope": scope});
        caller.post("/v1/login", &body).await
    };
    let (admin, _) = secrets.keep(&login(ADMIN, ROOT, "signet:admin").await);
    let account = json!({"login": LOGIN, "password": PASSWORD});
    let id = caller.post("/v1/register", &account).await.is(201).string("id");
    caller.post("/v1/register", &account).await.is(409);
    login(LOGIN, WRONG, "").await.is(401);
    login(&format!("{LOGIN}\u{7}"), WRONG, "").await.is(401);
    login(LOGIN, PASSWORD, STRAY).await.is(400);
    let (access, oldest) = secrets.keep(&login(LOGIN, PASSWORD, "").await);
    let refresh =
        async |token: &str| caller.post("/v1/refresh", &json!({"refresh_token": token})).await;
    let (_, older) = secrets.keep(&refresh(&oldest).await);
    secrets.keep(&refresh(&older).await);
    let change = json!({"current_password": PASSWORD, "new_password": CHANGED});
    call(&caller, Method::POST, "/v1/password", &access, change.clone()).await.is(204);
    call(&caller, Method::POST, "/v1/password", &access, change).await.is(401);
    // The alarm about reuse is in the audit trail.
    refresh(&oldest).await.is(401);
    refresh(&format!("srt_{STRAY}")).await.is(401);

    let (access, refresh_token) = secrets.keep(&login(LOGIN, CHANGED, "").await);
    call(&caller, Method::GET, "/v1/sessions", &access, json!(null)).await.is(200);
    call(&caller, Method::PATCH, "/v1/me", &access, json!({"name": 5})).await.is(422);
    // Secrets in places where they do not belong, but where users put them.
    for path in [
        format!("/v1/me?access_token={access}&password={STRAY}"),
        format!("/v1/sessions/{refresh_token}"),
        format!("/{STRAY}?{STRAY}"),
        format!("/setup/{STRAY}"),
    ] {
        call(&caller, Method::GET, &path, &access, json!(null)).await;
    }
    for header in [format!("Basic {STRAY}"), format!("Bearer {access} {STRAY}"), STRAY.to_owned()] {
        let request = caller.client.get(format!("{}/v1/me", caller.base));
        caller.try_send(request.header("authorization", header)).await.unwrap().is(401);
    }
    for body in [
        format!(r#"{{"login":"{LOGIN}","password":"{WRONG}""#),
        format!(r#"{{"login":"{LOGIN}","password":["{WRONG}"]}}"#),
        format!(r#"{{"{STRAY}":"{LOGIN}"}}"#),
        format!("login={LOGIN}&password={WRONG}"),
    ] {
        let request = caller.client.post(format!("{}/v1/login", caller.base));
        let request = request.header("content-type", "application/json").body(body);
        let status = caller.try_send(request).await.unwrap().status;
        assert!([400, 422].contains(&status), "{status}");
    }
    let user = format!("/v1/admin/users/{id}");
    let set = json!({"password": ONCE});
    call(&caller, Method::POST, &format!("{user}/password"), &admin, set).await.is(204);
    let challenge = login(LOGIN, ONCE, "").await.is(401).string("challenge");
    secrets.anywhere.push(challenge.clone());
    let new = |password: &str| json!({"challenge": challenge, "new_password": password});
    caller.post("/v1/login/continue", &new(WEAK)).await.is(422);
    secrets.keep(&caller.post("/v1/login/continue", &new(SET)).await);
    caller.post("/v1/login/continue", &new(SET)).await.is(401);
    let (_, last) = secrets.keep(&login(LOGIN, SET, "").await);
    let api = json!({"identifier": "urn:shared", "signing_alg": "HS256"});
    let api = call(&caller, Method::POST, "/v1/admin/apis", &admin, api).await;
    secrets.anywhere.push(api.is(201).string("shared_secret"));
    let new = json!({"new_secret": true});
    let api = call(&caller, Method::PATCH, "/v1/admin/apis/urn:shared", &admin, new).await;
    secrets.anywhere.push(api.is(200).string("shared_secret"));
    let client = json!({"client_id": "job", "name": "Job", "type": "service"});
    let client = call(&caller, Method::POST, "/v1/admin/clients", &admin, client).await;
    secrets.anywhere.push(client.is(201).string("client_secret"));
    let rotate = "/v1/admin/clients/job/rotate-secret";
    let client = call(&caller, Method::POST, rotate, &admin, json!(null)).await;
    secrets.anywhere.push(client.is(200).string("client_secret"));
    provide(&caller, &admin, &mut secrets).await;
    caller.post("/v1/logout", &json!({"refresh_token": last})).await.is(204);
    call(&caller, Method::POST, &format!("{user}/disable"), &admin, json!(null)).await.is(200);
    login(LOGIN, SET, "").await.is(401);
    call(&caller, Method::GET, "/v1/admin/audit", &admin, json!(null)).await.is(200);
    // Values that an administrator may paste to have them explained.
    for token in [
        access.as_str(),
        &refresh_token,
        STRAY,
        &format!("srt_{STRAY}"),
        &format!("{access}{STRAY}"),
    ] {
        let body = json!({"token": token, "audience": STRAY});
        let why = "/v1/admin/tokens/why";
        let answer = call(&caller, Method::POST, why, &admin, body).await;
        assert!(!answer.is(200).text.contains(token), "{}", answer.text);
        let body = json!({"token": [token], "at": STRAY});
        call(&caller, Method::POST, why, &admin, body).await.is(422);
    }
    secrets
}

/// A client logs a user in through the pages, and out again.
async fn provide(caller: &Caller, admin: &str, secrets: &mut Secrets) {
    let redirect_uri = "https://app.example.com/cb";
    let client = json!({"client_id": "shop", "name": "Shop", "type": "web",
        "redirect_uris": [redirect_uri], "backchannel_logout_uri": "http://127.0.0.1:9/"});
    let client = call(caller, Method::POST, "/v1/admin/clients", admin, client).await;
    let secret = client.is(201).string("client_secret");
    let verifier = "very-private-verifier-8Zq8-very-private-verifier";
    let challenge = signet::crypto::digest::sha256_base64url(verifier.as_bytes());
    let request = form([
        ("client_id", "shop"),
        ("redirect_uri", redirect_uri),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", STRAY),
        ("login_hint", LOGIN),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let mut cookies = String::new();
    let mut send = async |method: Method, path: &str, fields: &[(&str, &str)], extra: &str| {
        let url = format!("{}{path}", caller.base);
        let mut ask = caller.client.request(method, url).header("cookie", &cookies);
        if !extra.is_empty() {
            ask = ask.header("authorization", extra);
        }
        if !fields.is_empty() {
            ask = ask.header("content-type", FORM).body(form(fields.iter().copied()));
        }
        let answer = caller.try_send(ask).await.unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            cookies = format!("{cookies}; {pair}");
        }
        answer
    };
    let path = format!("/oauth2/authorize?{request}");
    let page = send(Method::GET, &path, &[], "").await;
    let flow = field(&page.is(200).text, "flow");
    for (password, status) in [(WRONG, 401), (SET, 303)] {
        let typed = [("flow", &*flow), ("login", LOGIN), ("password", password)];
        send(Method::POST, "/login", &typed, "").await.is(status);
    }
    let page = send(Method::GET, &format!("/oauth2/authorize?flow={flow}"), &[], "").await;
    let sealed = field(&page.is(200).text, "flow");
    let decided = [("flow", &*sealed), ("decision", "allow")];
    let answer = send(Method::POST, "/consent", &decided, "").await;
    let location = url::Url::parse(answer.is(303).header("location")).unwrap();
    let code = param(&location, "code").unwrap();
    let basic = basic("shop", &secret);
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let tokens = send(Method::POST, "/oauth2/token", &redeem, &basic).await;
    let (access, refresh) = (tokens.is(200).string("access_token"), tokens.string("refresh_token"));
    let id_token = tokens.string("id_token");
    send(Method::GET, "/oauth2/userinfo", &[], &format!("Bearer {access}")).await.is(200);
    for (endpoint, token) in [("introspect", &access), ("introspect", &refresh)] {
        let path = format!("/oauth2/{endpoint}");
        send(Method::POST, &path, &[("token", token)], &basic).await.is(200);
    }
    send(Method::POST, "/oauth2/token", &redeem, &format!("{basic}x")).await.is(401);
    send(Method::POST, "/oauth2/token", &redeem, &basic).await.is(400);
    let out = format!("/oauth2/logout?{}", form([("id_token_hint", &*id_token), ("state", STRAY)]));
    send(Method::GET, &out, &[], "").await.is(200);
    let values = cookies.split("; ").filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
    secrets.anywhere.extend(values.filter(|value| !value.is_empty()));
    let given = [secret, code, verifier.to_owned(), access, refresh, id_token, flow, sealed];
    secrets.anywhere.extend(given);
}

/// The spellings of a secret that reveal it.
pub(super) fn spellings(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut all = vec![secret.to_owned(), form, hex];
    // Below this length its base64 could occur anywhere by chance.
    if secret.len() >= 8 {
        all.extend([STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)]);
    }
    // A refresh token contains its authenticator, which no file may contain either.
    let body = secret.strip_prefix("srt_").and_then(|body| URL_SAFE_NO_PAD.decode(body).ok());
    all.extend(body.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()));
    all
}

pub(super) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_printed_or_written() {
    for format in ["json", "pretty"] {
        let launch = Launch::new()
            .with("SIGNET_LOG", "debug,signet=trace")
            .with("SIGNET_LOG_FORMAT", format);
        let mut server = launch.start().await;
        let secrets = live_a_life(&server).await;
        // Files are searched while the server runs, and after it has stopped.
        let running = files(&launch);
        server.signal(Signal::TERM);
        assert_eq!(server.ended().await, Some(0));
        let log = server.all_of_log();
        assert!(log.contains("login.succeeded"), "the search would find nothing: {log}");
        for secret in secrets.anywhere.iter().chain(&secrets.logs) {
            for spelling in spellings(secret) {
                assert!(!log.contains(&spelling), "{spelling} is in the {format} log:\n{log}");
            }
        }
        let times = log.matches(&secrets.link).count();
        assert_eq!(times, 1, "the set-up link was printed {times} times");
        let line = log.lines().find(|line| line.contains(&secrets.link)).unwrap();
        if format == "json" {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["event"], "setup_required");
            assert!(event["setup_url"].as_str().unwrap().ends_with(&secrets.link));
        }
        for (name, bytes) in running.iter().chain(&files(&launch)) {
            assert!(!bytes.is_empty() || name != "signet.db");
            for secret in secrets.anywhere.iter().chain([&secrets.link]) {
                for spelling in spellings(secret) {
                    assert!(!holds(bytes, spelling.as_bytes()), "{spelling} is in {name}");
                }
            }
        }
        // The search itself works: stored values are found in the database.
        assert!(running.iter().any(|(_, bytes)| holds(bytes, LOGIN.as_bytes())));
    }
}

pub(super) fn files(launch: &Launch) -> Vec<(String, Vec<u8>)> {
    let folder = launch.dir.path().join("data");
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Whatever a caller sends, a log record is one line and contains the event, not the input.
#[tokio::test(flavor = "multi_thread")]
async fn input_cannot_forge_log_lines() {
    const FORGED: &str = "\n{\"level\":\"INFO\",\"message\":\"FORGED\"}\r\n\u{1b}[31mFORGED";
    for format in ["json", "pretty"] {
        let launch = Launch::new().with("SIGNET_LOG", "debug").with("SIGNET_LOG_FORMAT", format);
        let mut server = launch.start().await;
        let caller = server.caller();
        let before = server.log().lines().count();
        for login in [FORGED, "ada\u{2028}FORGED", "\u{0}FORGED"] {
            let body = json!({"login": login, "password": FORGED, "client_id": FORGED});
            let status = caller.post("/v1/login", &body).await.status;
            assert!((400..500).contains(&status), "{status}");
            let body = json!({"login": login, "password": FORGED});
            caller.post("/v1/register", &body).await.is(422);
            caller.post("/v1/refresh", &json!({"refresh_token": login})).await.is(401);
        }
        // Header values cannot contain line ends; other characters that a client can send are tried.
        for value in ["FORGED\tFORGED", "\"FORGED\"", "FORGED\u{9b}31m", "{\"message\":\"FORGED\"}"]
        {
            for name in ["user-agent", "x-request-id", "x-forwarded-for", "referer", "origin"] {
                let value = reqwest::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
                let request = caller.client.get(format!("{}/health", caller.base));
                caller.try_send(request.header(name, value)).await.unwrap().is(200);
            }
        }
        caller.get("/%0a%7b%22message%22:%22FORGED%22%7d?x=%0aFORGED").await.is(404);
        let kept = caller.client.get(format!("{}/health", caller.base));
        let kept = caller.try_send(kept.header("x-request-id", "my-own-id")).await.unwrap();
        assert_eq!(kept.header("x-request-id"), "my-own-id");
        server.signal(Signal::TERM);
        assert_eq!(server.ended().await, Some(0));
        let log = server.all_of_log();
        assert!(log.lines().count() > before + 30, "the requests left no trace: {log}");
        assert!(!log.contains("FORGED"), "{log}");
        assert!(log.contains("my-own-id"), "{log}");
        assert!(!log.contains('\u{1b}'), "an escape sequence is in the log");
        if format == "json" {
            for line in log.lines() {
                let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
            }
        }
    }
}
