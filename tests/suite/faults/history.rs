//! What clients were told, and whether it is still true.
//!
//! One client works on one account at a time, one request after the other. So at the moment of a
//! crash at most one request for an account is unanswered, and everything else about it is certain:
//! each acknowledged change must be there, the unanswered one must have happened as a whole or not
//! at all, and asking twice must give the same answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::Caller;
use crate::support::server::{Answer, PASSWORD};

/// Numbers that look random and are the same for the same seed, so that a run can be repeated.
pub struct Dice(pub u64);

impl Dice {
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
    ended: bool,
}

impl Held {
    fn of(answer: &Answer) -> Self {
        Self {
            refresh: answer.string("refresh_token"),
            access: answer.string("access_token"),
            ended: false,
        }
    }
}

/// A request without an answer.
enum Unanswered {
    Register,
    Login,
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

/// The status of an answer that must be one of `expected`; nothing when there was no answer.
#[track_caller]
fn status(answer: Option<&Answer>, expected: &[u16]) -> Option<u16> {
    let answer = answer?;
    assert!(expected.contains(&answer.status), "{} {}", answer.status, answer.text);
    Some(answer.status)
}

impl Account {
    /// Registers and works until the server is gone or the account is at its end.
    pub async fn work(caller: &Caller, admin: &str, login: String, dice: &mut Dice) -> Self {
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
        while account.unanswered.is_none() && !account.disabled {
            account.unanswered = account.step(caller, admin, dice).await;
        }
        account
    }

    /// Whether the server went away under it.
    pub const fn is_cut_off(&self) -> bool {
        self.unanswered.is_some()
    }

    /// One request; what it was if nobody answered.
    async fn step(&mut self, caller: &Caller, admin: &str, dice: &mut Dice) -> Option<Unanswered> {
        let live: Vec<usize> =
            (0..self.sessions.len()).filter(|&index| !self.sessions[index].ended).collect();
        let choice = dice.roll(20);
        if live.is_empty() || choice < 4 {
            return self.login(caller).await;
        }
        let chosen = live[dice.pick(live.len())];
        match choice {
            4..=13 => self.refresh(caller, chosen).await,
            14..=16 => self.logout(caller, chosen).await,
            17..=18 => self.change_password(caller, chosen, dice).await,
            _ => self.disable(caller, admin).await,
        }
    }

    async fn login(&mut self, caller: &Caller) -> Option<Unanswered> {
        let answer = try_login(caller, &self.login, &self.password).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Login);
        }
        self.sessions.push(Held::of(&answer.unwrap()));
        None
    }

    async fn refresh(&mut self, caller: &Caller, index: usize) -> Option<Unanswered> {
        let body = json!({"refresh_token": self.sessions[index].refresh});
        let answer = caller.try_call(Method::POST, "/v1/refresh", None, Some(&body)).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Refresh);
        }
        self.sessions[index] = Held::of(&answer.unwrap());
        None
    }

    async fn logout(&mut self, caller: &Caller, index: usize) -> Option<Unanswered> {
        let body = json!({"refresh_token": self.sessions[index].refresh});
        let answer = caller.try_call(Method::POST, "/v1/logout", None, Some(&body)).await;
        if status(answer.as_ref(), &[204]).is_none() {
            return Some(Unanswered::Logout(index));
        }
        self.sessions[index].ended = true;
        None
    }

    async fn change_password(
        &mut self,
        caller: &Caller,
        by: usize,
        dice: &mut Dice,
    ) -> Option<Unanswered> {
        let new = format!("{PASSWORD} {}", dice.roll(u64::MAX));
        let body = json!({"current_password": self.password, "new_password": new});
        let access = Some(self.sessions[by].access.as_str());
        let answer = caller.try_call(Method::POST, "/v1/password", access, Some(&body)).await;
        if status(answer.as_ref(), &[204]).is_none() {
            return Some(Unanswered::Password { by, new });
        }
        self.password_is(new, by);
        None
    }

    async fn disable(&mut self, caller: &Caller, admin: &str) -> Option<Unanswered> {
        let path = format!("/v1/admin/users/{}/disable", self.id);
        let answer = caller.try_call(Method::POST, &path, Some(admin), None).await;
        if status(answer.as_ref(), &[200]).is_none() {
            return Some(Unanswered::Disable);
        }
        self.disabled = true;
        None
    }

    /// Every session but the one that changed it has ended.
    fn password_is(&mut self, new: String, by: usize) {
        self.former = Some(std::mem::replace(&mut self.password, new));
        for (index, held) in self.sessions.iter_mut().enumerate() {
            held.ended |= index != by;
        }
    }

    /// Finds out what became of the unanswered request, then holds the server to all of it. Returns
    /// how many facts were checked.
    pub async fn check(&mut self, caller: &Caller) -> usize {
        match self.unanswered.take() {
            // A rotation or a session nobody heard of must do no harm; what is certain is below.
            None | Some(Unanswered::Login | Unanswered::Refresh) => {}
            Some(Unanswered::Register) => self.was_registered(caller).await,
            Some(Unanswered::Logout(index)) => {
                self.sessions[index].ended = !works(caller, &self.sessions[index].access).await;
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
        self.holds(caller).await
    }

    async fn was_registered(&mut self, caller: &Caller) {
        let there = can_login(caller, &self.login, &self.password).await;
        let body = json!({"login": self.login, "password": self.password});
        let again = caller.post("/v1/register", &body).await;
        assert_eq!(again.status, if there { 409 } else { 201 }, "{} is half there", self.login);
    }

    async fn holds(&mut self, caller: &Caller) -> usize {
        let login = &self.login;
        let able = can_login(caller, login, &self.password).await;
        assert_eq!(able, !self.disabled, "{login}: logging in");
        if let Some(former) = &self.former {
            assert!(!can_login(caller, login, former).await, "{login}: the other password works");
        }
        for (index, held) in self.sessions.iter_mut().enumerate() {
            let lives = !held.ended && !self.disabled;
            assert_eq!(works(caller, &held.access).await, lives, "{login}: access of {index}");
            let body = json!({"refresh_token": held.refresh});
            let answer = caller.post("/v1/refresh", &body).await;
            let expected = if lives { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{login}: session {index}: {}", answer.text);
            if lives {
                *held = Held::of(&answer);
            }
        }
        1 + usize::from(self.former.is_some()) + 2 * self.sessions.len()
    }
}

async fn try_login(caller: &Caller, login: &str, password: &str) -> Option<Answer> {
    let body = json!({"login": login, "password": password});
    caller.try_call(Method::POST, "/v1/login", None, Some(&body)).await
}

async fn can_login(caller: &Caller, login: &str, password: &str) -> bool {
    let answer = try_login(caller, login, password).await;
    status(answer.as_ref(), &[200, 401]).expect("an answer") == 200
}

async fn works(caller: &Caller, access: &str) -> bool {
    let answer = caller.try_call(Method::GET, "/v1/me", Some(access), None).await;
    status(answer.as_ref(), &[200, 401]).expect("an answer") == 200
}

/// An administrator's access token.
pub async fn administer(caller: &Caller, login: &str) -> String {
    let body: Value = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
    caller.post("/v1/login", &body).await.is(200).string("access_token")
}
