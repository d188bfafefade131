//! A client that trusts only discovery and the public keys, and a user with a browser: cookies are kept,
//! redirects are followed one by one, forms are filled in.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};
use signet::crypto::digest::sha256_base64url;
use signet::crypto::jwt::SigningKey;
use url::{Url, form_urlencoded};

use super::Server;
use super::process::Caller;
use super::server::{Answer, PASSWORD, Tokens};

pub const REDIRECT_URI: &str = "https://app.example.com/cb";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Names and values in the form encoding.
pub fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The target of requests: a server of this process, or one at an address.
pub trait Site {
    fn base(&self) -> &str;
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder;
    async fn send(&self, request: reqwest::RequestBuilder) -> Answer;
}

impl Site for Server {
    fn base(&self) -> &str {
        &self.base
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request(method, path)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.send(request).await
    }
}

impl Site for Caller {
    fn base(&self) -> &str {
        &self.base
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }
}

/// A user with a browser.
pub struct Person<'s, S = Server> {
    server: &'s S,
    cookies: Mutex<BTreeMap<String, String>>,
    login: String,
}

/// The page or redirect at which a navigation ends.
#[derive(Debug)]
pub enum Landing {
    /// A redirect to the application.
    Callback(Url),
    /// A page of Signet.
    Page(Answer),
}

impl Landing {
    #[track_caller]
    pub fn callback(self) -> Url {
        match self {
            Self::Callback(url) => url,
            Self::Page(answer) => panic!("{} {}", answer.status, answer.text),
        }
    }

    /// The value of this parameter of the redirect to the application.
    #[track_caller]
    pub fn said(self, name: &str) -> String {
        let url = self.callback();
        param(&url, name).unwrap_or_else(|| panic!("no {name} in {url}"))
    }
}

pub fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The value of a hidden field, with HTML escapes decoded.
pub fn field(html: &str, name: &str) -> String {
    let mark = format!(r#"name="{name}" value=""#);
    let (_, rest) = html.split_once(&mark).unwrap_or_else(|| panic!("no {name} in {html}"));
    let value = rest.split_once('"').unwrap().0;
    value.replace("&#38;", "&").replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">")
}

impl<'s, S: Site> Person<'s, S> {
    pub fn new(server: &'s S, login: &str) -> Self {
        Self { server, cookies: Mutex::default(), login: login.to_owned() }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub fn cookies(&self) -> Vec<(String, String)> {
        self.cookies.lock().unwrap().clone().into_iter().collect()
    }

    pub fn clear_cookies(&self) {
        self.cookies.lock().unwrap().clear();
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// The path at the end of the server's base; empty for none.
    fn base_path(&self) -> String {
        Url::parse(self.server.base()).unwrap().path().trim_end_matches('/').to_owned()
    }

    /// One request to an address of the server, with the cookies. A path is relative to its base.
    pub async fn get(&self, url: &str) -> Answer {
        let path = url.strip_prefix(self.server.base()).unwrap_or(url);
        self.keep(self.server.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.server.request(Method::POST, path).header(CONTENT_TYPE, FORM);
        let answer = self.keep(request.body(form(fields.iter().copied()))).await;
        // After a code was entered there is a redirect to a page of its own, as in a browser.
        match (path, answer.status) {
            ("/device", 303) => self.get(&self.below_base(answer.header("location"))).await,
            _ => answer,
        }
    }

    async fn keep(&self, request: reqwest::RequestBuilder) -> Answer {
        let cookies = self.cookies.lock().unwrap().clone();
        let cookies: Vec<String> =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.server.send(request.header(COOKIE, cookies.join("; "))).await;
        let mut kept = self.cookies.lock().unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap();
            if value.is_empty() {
                kept.remove(name);
            } else {
                kept.insert(name.to_owned(), value.to_owned());
            }
        }
        drop(kept);
        answer
    }

    /// Follows the application's redirect, logs in and consents, until the flow ends.
    pub async fn visit(&self, url: &str) -> Landing {
        let answer = self.get(url).await;
        self.go_on(answer).await
    }

    /// The same, beginning with a response.
    pub async fn go_on(&self, mut answer: Answer) -> Landing {
        for _ in 0..10 {
            let location = answer.header("location").to_owned();
            if !location.is_empty() {
                match Url::parse(&location) {
                    Ok(url) if !location.starts_with(self.server.base()) => {
                        return Landing::Callback(url);
                    }
                    _ => answer = self.get(&self.below_base(&location)).await,
                }
                continue;
            }
            if answer.status != 200 {
                return Landing::Page(answer);
            }
            let sends_to = |page: &Answer, path: &str| {
                page.text.contains(&format!(r#"action="{}{path}""#, self.base_path()))
            };
            answer = if sends_to(&answer, "/login") {
                self.log_in(&answer, PASSWORD).await
            } else if sends_to(&answer, "/consent") {
                self.decide(&answer, "allow").await
            } else {
                return Landing::Page(answer);
            };
        }
        panic!("no end of pages");
    }

    /// An address from a response of the server, as a path below its base.
    ///
    /// # Panics
    ///
    /// When it is elsewhere.
    pub fn below_base(&self, location: &str) -> String {
        let below = location.strip_prefix(self.server.base());
        let below = below.or_else(|| location.strip_prefix(&self.base_path()));
        let below = below.unwrap_or_else(|| panic!("{location} leads outside"));
        assert!(below.is_empty() || below.starts_with(['/', '?', '#']), "{location} leads outside");
        below.to_owned()
    }

    /// Fills in the log-in page.
    pub async fn log_in(&self, page: &Answer, password: &str) -> Answer {
        let flow = field(&page.text, "flow");
        let fields = [("flow", &*flow), ("login", &*self.login), ("password", password)];
        self.post("/login", &fields).await
    }

    /// Submits the decision on a consent page.
    pub async fn decide(&self, page: &Answer, decision: &str) -> Answer {
        let flow = field(&page.text, "flow");
        self.post("/consent", &[("flow", &flow), ("decision", decision)]).await
    }
}

/// An application.
#[derive(Debug, Clone)]
pub struct App {
    pub id: String,
    pub secret: Option<String>,
    pub redirect_uri: String,
}

impl App {
    /// Registers one; `client` has its metadata beyond the defaults.
    pub async fn register(server: &impl Site, root: &Tokens, mut client: Value) -> Self {
        if client["redirect_uris"].is_null() && client["type"] != "service" {
            client["redirect_uris"] = json!([REDIRECT_URI]);
        }
        if client["name"].is_null() {
            client["name"] = json!("App");
        }
        let path = "/v1/admin/clients";
        let request = server.request(Method::POST, path).bearer_auth(&root.access);
        let made = server.send(request.json(&client)).await;
        let made = made.is(201).json();
        Self {
            id: made["client_id"].as_str().unwrap().to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
            redirect_uri: client["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// An authorization request; parameters in `more` replace the defaults, and an empty value omits one.
    pub fn request(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let challenge = sha256_base64url(VERIFIER.as_bytes());
        let mut all: Vec<(String, String)> = [
            ("client_id", &*self.id),
            ("redirect_uri", &*self.redirect_uri),
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in more {
            all.retain(|(known, _)| known != name);
            if !value.is_empty() {
                all.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        all
    }

    pub fn url(&self, more: &[(&str, &str)]) -> String {
        let request = self.request(more);
        let pairs = request.iter().map(|(name, value)| (&**name, &**value));
        format!("/oauth2/authorize?{}", form(pairs))
    }

    /// Sends a form to an endpoint for clients, with the registered authentication (Basic, or by name).
    pub async fn call(&self, server: &impl Site, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = server.request(Method::POST, path).header(CONTENT_TYPE, FORM);
        let mut fields = fields.to_vec();
        match &self.secret {
            Some(secret) => request = request.header(AUTHORIZATION, basic(&self.id, secret)),
            None => fields.push(("client_id", &self.id)),
        }
        server.send(request.body(form(fields))).await
    }

    pub async fn redeem(&self, server: &impl Site, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.call(server, "/oauth2/token", &fields).await
    }

    pub async fn refresh(&self, server: &impl Site, token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.call(server, "/oauth2/token", &fields).await
    }

    /// An authorization code for the user who is signed in or signs in with this browser.
    pub async fn code<S: Site>(&self, person: &Person<'_, S>, more: &[(&str, &str)]) -> String {
        person.visit(&self.url(more)).await.said("code")
    }

    /// The complete code flow.
    pub async fn tokens<S: Site>(&self, server: &S, person: &Person<'_, S>) -> Value {
        let code = self.code(person, &[]).await;
        self.redeem(server, &code).await.is(200).json()
    }
}

/// A Basic header (RFC 6749 §2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

/// The claims of an ID token, checked as a client must (OpenID Connect Core §3.1.3.7).
pub async fn id_token(server: &Server, app: &App, tokens: &Value, nonce: Option<&str>) -> Value {
    let token = tokens["id_token"].as_str().unwrap_or_else(|| panic!("no ID token: {tokens}"));
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
    let jwks = server.get("/.well-known/jwks.json").await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks.is(200).text).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(header.alg);
    rules.set_issuer(&[&server.base]);
    rules.set_audience(&[&app.id]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims;
    let now = server.now().secs();
    assert!(claims["exp"].as_i64().unwrap() > now && claims["iat"].as_i64().unwrap() <= now);
    assert_eq!(claims["nonce"].as_str(), nonce, "{claims}");
    assert!(claims["auth_time"].is_i64() && claims["sid"].is_string(), "{claims}");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims["at_hash"], signet::crypto::digest::at_hash(access));
    claims
}

/// A token signed by a key of the test.
pub fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The `error` of an OAuth response with this status.
#[track_caller]
pub fn error_of(answer: &Answer, status: u16) -> String {
    answer.is(status);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    let text = body["error_description"].as_str().unwrap();
    let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(text.bytes().all(allowed), "{text}");
    body["error"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}
