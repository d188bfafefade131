//! The acknowledged changes of clients, and their comparison with the server.
//!
//! A client works on one account at a time, one request after the other. So at the moment of a crash at most
//! one request for an account has no response, and everything else about it is certain: each acknowledged
//! change must be stored, the unanswered one must have been done as a whole or not at all, and two reads must
//! agree. A refusal because of a full disk acknowledges nothing either.
//!
//! The comparison: a code gives tokens once; a refresh token is valid until it is used or ended; ended,
//! disabled and changed objects stay so from the response on; registered users can log in; every token
//! verifies with the published keys, which have not changed; and the database is intact.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::entropy::random;
use signet::crypto::random::SystemEntropy;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::codes::{self, CLIENT};
use crate::support::process::{Caller, Launch};
use crate::support::require::number;
use crate::support::server::{Answer, PASSWORD};

/// Pseudorandom numbers that are the same for the same seed, so that a run can be repeated.
pub struct Dice(pub u64);

impl Dice {
    /// Seeded with `SIGNET_TEST_SEED` or at random; shown when the test fails, so that it can be repeated.
    pub fn of_this_run() -> Self {
        let new = || u64::from_le_bytes(random(&SystemEntropy));
        let seed = number("SIGNET_TEST_SEED").unwrap_or_else(new);
        eprintln!("SIGNET_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number below `sides` (splitmix64).
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length as u64)).unwrap()
    }
}

/// A session as its client knows it.
struct Held {
    refresh: String,
    access: String,
    /// The code it came from; none for a log-in at the API.
    code: Option<String>,
    ended: bool,
}

impl Held {
    fn of(answer: &Answer, code: Option<String>) -> Self {
        Self {
            refresh: answer.string("refresh_token"),
            access: answer.string("access_token"),
            code,
            ended: false,
        }
    }

    /// Requests its successor, at its own endpoint.
    async fn renew(&self, caller: &Caller) -> Option<Answer> {
        if self.code.is_some() {
            return codes::refresh(caller, &self.refresh).await;
        }
        let body = json!({"refresh_token": self.refresh});
        caller.try_call(Method::POST, "/v1/refresh", None, Some(&body)).await
    }

    /// The error of a refused refresh, by status.
    const fn refused(&self) -> u16 {
        if self.code.is_some() { 400 } else { 401 }
    }

    /// Whether its access token is valid at the server itself.
    async fn works(&self, caller: &Caller) -> bool {
        let path = if self.code.is_some() { "/oauth2/userinfo" } else { "/v1/me" };
        let answer = caller.try_call(Method::GET, path, Some(&self.access), None).await;
        status(answer.as_ref(), &[200, 401]).expect("an answer") == 200
    }
}

/// A request without a response.
enum Unanswered {
    Register,
    Login,
    Code,
    Redeem(String),
    Refresh,
    Logout(usize),
    Password { by: usize, new: String },
    Disable,
}

/// An account as its client knows it.
pub struct Account {
    login: String,
    id: String,
    password: String,
    former: Option<String>,
    disabled: bool,
    sessions: Vec<Held>,
    unanswered: Option<Unanswered>,
}

/// The status of a response, which must be one of `expected`; `None` without a response, or for one with
/// `Retry-After` that acknowledges nothing.
#[track_caller]
pub fn status(answer: Option<&Answer>, expected: &[u16]) -> Option<u16> {
    let answer = answer?;
    if answer.status == 503 {
        assert!(
            answer.header("retry-after").parse::<u32>().is_ok_and(|s| s > 0),
            "{}",
            answer.text
        );
        return None;
    }
    assert!(expected.contains(&answer.status), "{} {}", answer.status, answer.text);
    Some(answer.status)
}

impl Account {
    /// Registers and makes requests until the server is killed, the account is deleted, or `steps` are done.
    pub async fn work(
        caller: &Caller,
        admin: &str,
        login: String,
        dice: &mut Dice,
        steps: usize,
    ) -> Self {
        let mut account = Self {
            login,
            id: String::new(),
            password: PASSWORD.to_owned(),
            former: None,
            disabled: false,
            sessions: Vec::new(),
            unanswered: None,
        };
        let body = json!({"login": account.login, "password": account.password});
        let made = caller.try_call(Method::POST, "/v1/register", None, Some(&body)).await;
        if status(made.as_ref(), &[201]).is_none() {
            account.unanswered = Some(Unanswered::Register);
            return account;
        }
        account.id = made.unwrap().string("id");
        for _ in 0..steps {
            account.unanswered = account.step(caller, admin, dice).await;
            if account.is_cut_off() || account.disabled {
                break;
            }
        }
        account
    }

    /// Whether the server was killed during it.
    pub const fn is_cut_off(&self) -> bool {
        self.unanswered.is_some()
    }

    /// Makes one request. Returns it if there was no response.
    async fn step(&mut self, caller: &Caller, admin: &str, dice: &mut Dice) -> Option<Unanswered> {
        let live: Vec<usize> =
            (0..self.sessions.len()).filter(|&index| !self.sessions[index].ended).collect();
        let choice = dice.roll(24);
        if choice < 4 {
            return self.code(caller).await;
        }
        if live.is_empty() || choice < 7 {
            return self.login(caller).await;
        }
        let chosen = live[dice.pick(live.len())];
        match choice {
            7..=16 => self.refresh(caller, chosen).await,
            17..=20 => self.logout(caller, chosen).await,
            21..=22 => self.change_password(caller, chosen, dice).await,
            _ => self.disable(caller, admin).await,
        }
    }

    async fn login(&mut self, caller: &Caller) -> Option<Unanswered> {
        let answer = try_login(caller, &self.login, &self.password).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Login);
        }
        self.sessions.push(Held::of(&answer.unwrap(), None));
        None
    }

    /// At the provider: a code, and the tokens of its redemption.
    async fn code(&mut self, caller: &Caller) -> Option<Unanswered> {
        let Some(code) = codes::ask(caller, &self.login, &self.password).await else {
            return Some(Unanswered::Code);
        };
        let answer = codes::redeem(caller, &code).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Redeem(code));
        }
        self.sessions.push(Held::of(&answer.unwrap(), Some(code)));
        None
    }

    async fn refresh(&mut self, caller: &Caller, index: usize) -> Option<Unanswered> {
        let answer = self.sessions[index].renew(caller).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Refresh);
        }
        let code = self.sessions[index].code.take();
        self.sessions[index] = Held::of(&answer.unwrap(), code);
        None
    }

    async fn logout(&mut self, caller: &Caller, index: usize) -> Option<Unanswered> {
        let held = &mut self.sessions[index];
        let answer = if held.code.is_some() {
            codes::revoke(caller, &held.refresh).await
        } else {
            let body = json!({"refresh_token": held.refresh});
            caller.try_call(Method::POST, "/v1/logout", None, Some(&body)).await
        };
        if status(answer.as_ref(), &[200, 204]).is_none() {
            return Some(Unanswered::Logout(index));
        }
        held.ended = true;
        // From the response on, not only after the next start.
        let after = held.renew(caller).await;
        status(after.as_ref(), &[held.refused()]);
        None
    }

    /// A token of a client is refused at `/v1`, so a log-in at the API is needed.
    async fn change_password(
        &mut self,
        caller: &Caller,
        by: usize,
        dice: &mut Dice,
    ) -> Option<Unanswered> {
        if self.sessions[by].code.is_some() {
            return self.login(caller).await;
        }
        let new = format!("{PASSWORD} {}", dice.roll(u64::MAX));
        let body = json!({"current_password": self.password, "new_password": new});
        let access = Some(self.sessions[by].access.as_str());
        let answer = caller.try_call(Method::POST, "/v1/password", access, Some(&body)).await;
        if status(answer.as_ref(), &[204]).is_none() {
            return Some(Unanswered::Password { by, new });
        }
        self.password_is(new, by);
        let former = self.former.as_deref().unwrap_or_default();
        status(try_login(caller, &self.login, former).await.as_ref(), &[401]);
        None
    }

    async fn disable(&mut self, caller: &Caller, admin: &str) -> Option<Unanswered> {
        let path = format!("/v1/admin/users/{}/disable", self.id);
        let answer = caller.try_call(Method::POST, &path, Some(admin), None).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Disable);
        }
        self.disabled = true;
        status(try_login(caller, &self.login, &self.password).await.as_ref(), &[401]);
        None
    }

    /// Every session but the one that changed the password has ended.
    fn password_is(&mut self, new: String, by: usize) {
        self.former = Some(std::mem::replace(&mut self.password, new));
        for (index, held) in self.sessions.iter_mut().enumerate() {
            held.ended |= index != by;
        }
    }

    /// Determines the result of the unanswered request, then compares the server with all of it. Returns the
    /// number of checked facts.
    pub async fn check(&mut self, caller: &Caller, keys: &JwkSet) -> usize {
        match self.unanswered.take() {
            // A rotation or a session without a response must do no harm; certain facts are checked below.
            None | Some(Unanswered::Login | Unanswered::Code | Unanswered::Refresh) => {}
            Some(Unanswered::Register) => self.was_registered(caller).await,
            // Valid now or used up already; either way it is used up from here on.
            Some(Unanswered::Redeem(code)) => {
                let answer = codes::redeem(caller, &code).await.expect("an answer");
                if status(Some(&answer), &[200, 400]).expect("an answer") == 200 {
                    self.sessions.push(Held::of(&answer, Some(code)));
                } else {
                    codes::redeem(caller, &code).await.expect("an answer").is(400);
                }
            }
            Some(Unanswered::Logout(index)) => {
                self.sessions[index].ended = !self.sessions[index].works(caller).await;
            }
            Some(Unanswered::Password { by, new }) => {
                if can_login(caller, &self.login, &new).await {
                    self.password_is(new, by);
                } else {
                    self.former = Some(new);
                }
            }
            Some(Unanswered::Disable) => {
                self.disabled = !can_login(caller, &self.login, &self.password).await;
            }
        }
        self.holds(caller, keys).await
    }

    async fn was_registered(&mut self, caller: &Caller) {
        let there = can_login(caller, &self.login, &self.password).await;
        let body = json!({"login": self.login, "password": self.password});
        let again = caller.post("/v1/register", &body).await;
        assert_eq!(again.status, if there { 409 } else { 201 }, "{} is half there", self.login);
    }

    async fn holds(&mut self, caller: &Caller, keys: &JwkSet) -> usize {
        let login = &self.login;
        let able = can_login(caller, login, &self.password).await;
        assert_eq!(able, !self.disabled, "{login}: logging in");
        if let Some(former) = &self.former {
            assert!(!can_login(caller, login, former).await, "{login}: the other password works");
        }
        let mut facts = 1 + usize::from(self.former.is_some());
        for (index, held) in self.sessions.iter_mut().enumerate() {
            verifies(&held.access, keys);
            let lives = !held.ended && !self.disabled;
            assert_eq!(held.works(caller).await, lives, "{login}: access of {index}");
            let answer = held.renew(caller).await.expect("an answer");
            let expected = if lives { 200 } else { held.refused() };
            assert_eq!(answer.status, expected, "{login}: session {index}: {}", answer.text);
            if lives {
                *held = Held::of(&answer, held.code.take());
                verifies(&held.access, keys);
            }
            facts += 3;
            // A repeated code gives nothing and ends the session that it opened, while its redemption is stored.
            if let Some(code) = &held.code {
                codes::redeem(caller, code).await.expect("an answer").is(400);
                held.ended |= !held.works(caller).await;
                facts += 1;
            }
        }
        facts
    }
}

/// Verifies a token with the public keys.
#[track_caller]
fn verifies(token: &str, keys: &JwkSet) {
    let header = decode_header(token).unwrap();
    let key = keys.find(&header.kid.unwrap()).expect("the key is published");
    let mut rules = Validation::new(header.alg);
    (rules.validate_exp, rules.validate_aud) = (false, false);
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &rules).unwrap();
}

/// The published keys.
pub async fn keys(caller: &Caller) -> JwkSet {
    serde_json::from_str(&caller.get("/.well-known/jwks.json").await.is(200).text).unwrap()
}

/// The database itself, beside a server that uses it.
pub async fn is_sound(launch: &Launch) {
    let options = SqliteConnectOptions::new().filename(launch.database());
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    let found: Vec<(String,)> =
        sqlx::query_as("PRAGMA integrity_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(found, [("ok".to_owned(),)]);
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(broken.is_empty(), "{} rows without their parents", broken.len());
    connection.close().await.unwrap();
}

async fn try_login(caller: &Caller, login: &str, password: &str) -> Option<Answer> {
    let body = json!({"login": login, "password": password});
    caller.try_call(Method::POST, "/v1/login", None, Some(&body)).await
}

async fn can_login(caller: &Caller, login: &str, password: &str) -> bool {
    let answer = try_login(caller, login, password).await;
    status(answer.as_ref(), &[200, 401]).expect("an answer") == 200
}

/// A server with the administrator `root`.
pub fn administered() -> Launch {
    Launch::new()
        .with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
        .with("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD)
}

/// An administrator's access token, and the application to which the accounts sign in.
pub async fn prepare(caller: &Caller) -> String {
    let admin = administer(caller, "root").await;
    let client = json!({"client_id": CLIENT, "name": "App", "type": "spa", "skip_consent": true,
        "redirect_uris": [codes::REDIRECT_URI]});
    let path = "/v1/admin/clients";
    let made = caller.try_call(Method::POST, path, Some(&admin), Some(&client)).await;
    made.expect("an answer").is(201);
    admin
}

/// A user who is not changed: login and password, and an access token.
pub async fn bystander(caller: &Caller) -> (Value, String) {
    let account = json!({"login": "ada", "password": PASSWORD});
    caller.post("/v1/register", &account).await.is(201);
    let access = caller.post("/v1/login", &account).await.is(200).string("access_token");
    (account, access)
}

/// An administrator's access token.
pub async fn administer(caller: &Caller, login: &str) -> String {
    let body: Value = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
    caller.post("/v1/login", &body).await.is(200).string("access_token")
}
