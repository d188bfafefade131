//! A user with an authenticator app.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::totp::TotpSecret;
use signet::domain::totp::TimeStep;

use super::Server;
use super::server::{Answer, PASSWORD, Tokens};

/// An authenticator app, and the response that enrolled it.
pub struct Authenticator {
    secret: TotpSecret,
    pub factor: String,
    pub recovery_codes: Vec<String>,
}

/// The bytes of a secret in base32.
pub fn secret_of(base32: &str) -> TotpSecret {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = String::new();
    for letter in base32.chars() {
        bits.push_str(&format!("{:05b}", alphabet.find(letter).unwrap()));
    }
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks(8)
        .map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap())
        .collect();
    TotpSecret::from_bytes(&bytes).unwrap()
}

/// The code of an app with this secret, `steps` time steps from now.
pub fn code_of(server: &Server, secret: &TotpSecret, steps: i64) -> String {
    let at = server.now() + TimeSpan::from_secs(30 * steps);
    String::from_utf8(secret.code(TimeStep::at(at)).to_vec()).unwrap()
}

impl Authenticator {
    /// Enrols an app with the session of `tokens`. Its first code is used up.
    pub async fn enrol(server: &Server, tokens: &Tokens) -> Self {
        let begun = server.call_as(Method::POST, "/v1/factors/totp", &tokens.access, Value::Null);
        let begun = begun.await;
        let secret = secret_of(&begun.is(200).string("secret"));
        let confirm = json!({"setup": begun.string("setup"), "code": code_of(server, &secret, 0)});
        let path = "/v1/factors/totp/confirm";
        let done = server.call_as(Method::POST, path, &tokens.access, confirm).await;
        let done = done.is(201).json();
        let codes = done["recovery_codes"].as_array().cloned().unwrap_or_default();
        Self {
            secret,
            factor: done["factor"]["id"].as_str().unwrap().to_owned(),
            recovery_codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
        }
    }

    /// Enrols an app in a log-in that requires it. Returns the tokens of the log-in.
    pub async fn enrol_at_login(server: &Server, challenge: &str) -> (Self, Answer) {
        let begun = server.post("/v1/login/enrol", json!({ "challenge": challenge })).await;
        let secret = secret_of(&begun.is(200).string("secret"));
        let code = code_of(server, &secret, 0);
        let setup = begun.string("setup");
        let body = json!({"challenge": challenge, "setup": setup, "code": code, "name": "Phone"});
        let done = server.post("/v1/login/continue", body).await;
        let codes = done.is(200).json()["recovery_codes"].as_array().unwrap().clone();
        let app = Self {
            secret,
            factor: String::new(),
            recovery_codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
        };
        (app, done)
    }

    /// The code of the app, `steps` time steps from now.
    pub fn code(&self, server: &Server, steps: i64) -> String {
        code_of(server, &self.secret, steps)
    }

    /// A code that was not used yet: the clock is advanced until there is one.
    pub fn new_code(&self, server: &Server) -> String {
        server.advance(TimeSpan::from_secs(60));
        self.code(server, 0)
    }

    /// A code that is wrong now and in the adjacent steps.
    pub fn wrong_code(&self, server: &Server) -> String {
        let right: Vec<String> = (-2..=2).map(|steps| self.code(server, steps)).collect();
        (0..10).map(|digit| digit.to_string().repeat(6)).find(|code| !right.contains(code)).unwrap()
    }

    /// A log-in with password and code.
    pub async fn log_in(&self, server: &Server, login: &str) -> Tokens {
        let code = self.new_code(server);
        Tokens::of(&log_in_with(server, login, &code).await)
    }
}

/// An attempt to log in with the right password and a code.
pub async fn log_in_with(server: &Server, login: &str, code: &str) -> Answer {
    server.post("/v1/login", json!({"login": login, "password": PASSWORD, "code": code})).await
}

/// The challenge of a log-in that requires a code.
pub async fn challenge_of(server: &Server, login: &str) -> String {
    server.try_login(login, PASSWORD).await.is_problem(401, "mfa_required").string("challenge")
}

/// The next step of a log-in, with a code.
pub async fn proceed(server: &Server, challenge: &str, code: &str) -> Answer {
    server.post("/v1/login/continue", json!({"challenge": challenge, "code": code})).await
}
