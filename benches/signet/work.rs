//! The requests of the connections: one type for each kind of measurement.

use std::sync::Arc;

use crate::load::Talk;
use crate::process::PASSWORD;
use crate::seed::Seeded;

const HOST: &str = "127.0.0.1";

/// Reproducible pseudo-random numbers.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

fn get(request: &mut Vec<u8>, path: &str, more: &str) {
    for part in ["GET ", path, " HTTP/1.1\r\nhost: ", HOST, "\r\n", more, "\r\n"] {
        request.extend_from_slice(part.as_bytes());
    }
}

fn post(request: &mut Vec<u8>, path: &str, kind: &str, more: &str, body: &str) {
    let length = body.len().to_string();
    for part in [
        "POST ",
        path,
        " HTTP/1.1\r\nhost: ",
        HOST,
        "\r\ncontent-type: ",
        kind,
        "\r\ncontent-length: ",
        &length,
        "\r\n",
        more,
        "\r\n",
        body,
    ] {
        request.extend_from_slice(part.as_bytes());
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A member of a JSON response, without parsing all of it.
pub fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split_once('"')?.0)
}

/// Fetches a document repeatedly.
pub struct Fetch(pub &'static str);

impl Talk for Fetch {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        get(request, self.0, "");
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        status == 200 && !body.is_empty()
    }
}

/// The same in gzip.
pub struct FetchCompressed(pub &'static str);

impl Talk for FetchCompressed {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        get(request, self.0, "accept-encoding: gzip\r\n");
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        // RFC 1952 §2.3.1; a short feed is sent uncompressed.
        status == 200 && (body.starts_with(&[0x1f, 0x8b]) || body.starts_with(b"ey"))
    }
}

/// Sends the same form repeatedly.
pub struct Form {
    pub path: &'static str,
    pub header: String,
    pub body: String,
    pub expects: &'static str,
}

impl Talk for Form {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        post(request, self.path, FORM, &self.header, &self.body);
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        let found = body.windows(self.expects.len()).any(|part| part == self.expects.as_bytes());
        status == 200 && found
    }
}

/// Sends one of several forms each time.
pub struct Forms {
    pub path: &'static str,
    pub header: String,
    pub bodies: Arc<Vec<String>>,
    pub next: usize,
    pub expects: &'static str,
}

impl Talk for Forms {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.next = (self.next + 1) % self.bodies.len();
        post(request, self.path, FORM, &self.header, &self.bodies[self.next]);
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        let found = body.windows(self.expects.len()).any(|part| part == self.expects.as_bytes());
        status == 200 && found
    }
}

/// Fetches a document with one of several tokens each time.
pub struct WithToken {
    pub path: &'static str,
    pub tokens: Arc<Vec<String>>,
    pub next: usize,
}

impl Talk for WithToken {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.next = (self.next + 1) % self.tokens.len();
        let header = format!("authorization: Bearer {}\r\n", self.tokens[self.next]);
        get(request, self.path, &header);
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        status == 200 && body.starts_with(b"{\"sub\":")
    }
}

/// Sends the decision request of a gateway with one of several tokens, and checks only the status.
pub struct AskedWith {
    pub path: &'static str,
    pub tokens: Arc<Vec<String>>,
    pub next: usize,
    pub expects: u16,
}

impl Talk for AskedWith {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.next = (self.next + 1) % self.tokens.len();
        let header = format!("authorization: Bearer {}\r\n", self.tokens[self.next]);
        get(request, self.path, &header);
        true
    }
    fn hear(&mut self, status: u16, _: &str, _: &[u8]) -> bool {
        status == self.expects
    }
}

/// Refreshes sessions in turn, like applications: with the token of the last response.
pub struct Refresh {
    tokens: Vec<String>,
    dice: Dice,
    at: usize,
}

impl Refresh {
    pub fn new(tokens: Vec<String>, seed: u64) -> Self {
        Self { tokens, dice: Dice::new(seed), at: 0 }
    }

    /// Distributes the sessions `numbers` among `connections`.
    pub fn share(
        seeded: &Seeded,
        numbers: impl Iterator<Item = u64>,
        connections: usize,
    ) -> Vec<Box<dyn Talk>> {
        let mut shares: Vec<Vec<String>> = vec![Vec::new(); connections];
        for (index, number) in numbers.enumerate() {
            shares[index % connections].push(seeded.token(number));
        }
        let talk = |(seed, tokens)| Box::new(Self::new(tokens, seed as u64 + 1)) as Box<dyn Talk>;
        shares.into_iter().enumerate().map(talk).collect()
    }
}

impl Talk for Refresh {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.at = self.dice.below(self.tokens.len() as u64) as usize;
        let body = format!("{{\"refresh_token\":\"{}\"}}", self.tokens[self.at]);
        post(request, "/v1/refresh", JSON, "", &body);
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        let Some(next) = member(body, "refresh_token") else { return false };
        self.tokens[self.at].clear();
        self.tokens[self.at].push_str(next);
        status == 200
    }
}

/// Logs in, each time as another user.
pub struct Login {
    pub users: u64,
    pub dice: Dice,
}

impl Talk for Login {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let login = Seeded::login(self.dice.below(self.users));
        let body = format!("{{\"login\":\"{login}\",\"password\":\"{PASSWORD}\"}}");
        post(request, "/v1/login", JSON, "", &body);
        true
    }
    fn hear(&mut self, status: u16, _: &str, body: &[u8]) -> bool {
        status == 200 && member(body, "refresh_token").is_some()
    }
}

/// Requests authorization codes.
pub struct Authorize {
    pub path: String,
    pub cookies: String,
}

impl Talk for Authorize {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        get(request, &self.path, &format!("cookie: {}\r\n", self.cookies));
        true
    }
    fn hear(&mut self, status: u16, head: &str, _: &[u8]) -> bool {
        status == 303 && code_of(head).is_some()
    }
}

/// The code in a redirect.
fn code_of(head: &str) -> Option<&str> {
    let (_, rest) = head.split_once("code=")?;
    rest.split(['&', '\r']).next()
}

/// Alternately requests a code and redeems it, because a user has only few unredeemed codes of one client.
pub struct CodeFlow {
    pub authorize: Authorize,
    pub before: String,
    /// The code that is redeemed next.
    pub code: Option<String>,
    /// Whether the next response contains tokens.
    pub redeeming: bool,
}

impl Talk for CodeFlow {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let code = self.code.take();
        self.redeeming = code.is_some();
        match code {
            Some(code) => {
                let form = format!("{}&code={code}", self.before);
                post(request, "/oauth2/token", FORM, "", &form);
                true
            }
            None => self.authorize.ask(request),
        }
    }
    fn hear(&mut self, status: u16, head: &str, body: &[u8]) -> bool {
        if self.redeeming {
            return status == 200 && member(body, "access_token").is_some();
        }
        self.code = code_of(head).map(str::to_owned);
        self.authorize.hear(status, head, body)
    }
}

/// The same requests at a fixed rate.
pub struct Paced<T> {
    pub talk: T,
    pub every: std::time::Duration,
}

impl<T: Talk> Talk for Paced<T> {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.talk.ask(request)
    }
    fn hear(&mut self, status: u16, head: &str, body: &[u8]) -> bool {
        self.talk.hear(status, head, body)
    }
    fn every(&self) -> Option<std::time::Duration> {
        Some(self.every)
    }
}
