//! The provider's part of a history: codes for an application and a browser, from a server that may be killed
//! between two pages.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use url::Url;

use super::history::status;
use crate::support::process::Caller;
pub use crate::support::relying_party::REDIRECT_URI;
use crate::support::relying_party::{App, FORM, VERIFIER, field, form, param};
use crate::support::server::Answer;

/// The application.
pub const CLIENT: &str = "app";

fn app() -> App {
    App { id: CLIENT.to_owned(), secret: None, redirect_uri: REDIRECT_URI.to_owned() }
}

/// Whether the server knows the application.
pub async fn is_known(caller: &Caller) -> bool {
    caller.get(&app().url(&[])).await.status != 400
}

/// A code for the user with this login and password; `None` when a page was not received.
pub async fn ask(caller: &Caller, login: &str, password: &str) -> Option<String> {
    let mut browser = Browser { caller, cookies: BTreeMap::new() };
    let mut answer = browser.call(Method::GET, &app().url(&[]), &[]).await;
    for _ in 0..6 {
        match status(answer.as_ref(), &[200, 302, 303])? {
            200 => {
                let page = &answer.as_ref()?.text;
                let flow = field(page, "flow");
                let fields = [("flow", &*flow), ("login", login), ("password", password)];
                answer = browser.call(Method::POST, "/login", &fields).await;
            }
            _ => {
                let location = answer.as_ref()?.header("location").to_owned();
                if let Some(url) = Url::parse(&location).ok().filter(|_| is_callback(&location)) {
                    return Some(param(&url, "code").unwrap_or_else(|| panic!("no code: {url}")));
                }
                answer = browser.call(Method::GET, &path_of(&location), &[]).await;
            }
        }
    }
    panic!("no end of pages");
}

fn is_callback(location: &str) -> bool {
    location.starts_with(REDIRECT_URI)
}

/// The issuer differs from the address of the server in the test.
fn path_of(location: &str) -> String {
    match Url::parse(location) {
        Ok(url) => url[url::Position::BeforePath..].to_owned(),
        Err(_) => location.to_owned(),
    }
}

/// Cookies are kept, redirects are not followed.
struct Browser<'c> {
    caller: &'c Caller,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{}{path}", self.caller.base);
        let mut request =
            self.caller.client.request(method, url).header(COOKIE, cookies.join("; "));
        if !fields.is_empty() {
            request = request.header(CONTENT_TYPE, FORM).body(form(fields.iter().copied()));
        }
        let answer = self.caller.try_send(request).await?;
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = value.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Some(answer)
    }
}

async fn call(caller: &Caller, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
    let url = format!("{}{path}", caller.base);
    let fields = fields.iter().copied().chain([("client_id", CLIENT)]);
    let request = caller.client.post(url).header(CONTENT_TYPE, FORM).body(form(fields));
    caller.try_send(request).await
}

/// Redeems a code.
pub async fn redeem(caller: &Caller, code: &str) -> Option<Answer> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    call(caller, "/oauth2/token", &fields).await
}

/// Refreshes as the application.
pub async fn refresh(caller: &Caller, token: &str) -> Option<Answer> {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    call(caller, "/oauth2/token", &fields).await
}

/// Revokes as the application (RFC 7009).
pub async fn revoke(caller: &Caller, token: &str) -> Option<Answer> {
    call(caller, "/oauth2/revoke", &[("token", token)]).await
}
