//! The two cookies of the pages: which browser it is, and who is logged in there.
//!
//! Owns their names and attributes. Under TLS they carry the prefix `__Host-`, so that no other host
//! and no plain connection can set them (RFC 6265bis §4.1.3); on plain http Safari would refuse that
//! name.

use actix_web::HttpResponseBuilder;
use actix_web::http::header;

use crate::app::App;
use crate::base::opaque_token;
use crate::identity::browser_login::BrowserCookies;

use super::context::Context;

const SESSION: &str = "signet_session";
const BROWSER: &str = "signet_browser";
/// What the value of the browser's cookie begins with.
const BROWSER_PREFIX: &str = "sbr_";

/// The cookies a request came with, and whether the browser needs one.
pub struct Visit {
    /// The cookies.
    pub visitor: BrowserCookies,
    is_new: bool,
}

impl Visit {
    /// Reads them; a browser that has none gets one with the answer.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let app = &context.app;
        let known = |name| context.cookie(&named(app, name)).map(str::to_owned);
        let browser =
            known(BROWSER).filter(|value| opaque_token::is_well_formed(BROWSER_PREFIX, value));
        let is_new = browser.is_none();
        let browser =
            browser.unwrap_or_else(|| opaque_token::generate(BROWSER_PREFIX, &*app.entropy));
        Self { visitor: BrowserCookies { browser, session: known(SESSION) }, is_new }
    }

    /// Gives the browser its cookie, if it has none.
    pub fn keep(&self, app: &App, answer: &mut HttpResponseBuilder) {
        if self.is_new {
            set(app, answer, BROWSER, &self.visitor.browser, "");
        }
    }

    /// Whether the request came without any.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }
}

/// Gives the browser the cookie of a log-in. It ends with the browser; how long it is good is the
/// server's to say.
pub fn log_in(app: &App, answer: &mut HttpResponseBuilder, value: &str) {
    set(app, answer, SESSION, value, "");
}

/// Takes the cookie of a log-in away, if the request came with one. A form that another site sends here
/// comes without: to take away what was not shown would let any page log anybody out.
pub fn log_out(app: &App, visit: &Visit, answer: &mut HttpResponseBuilder) {
    if visit.visitor.session.is_some() {
        set(app, answer, SESSION, "", "; Max-Age=0");
    }
}

fn is_secure(app: &App) -> bool {
    app.issuer().starts_with("https://")
}

fn named(app: &App, name: &str) -> String {
    if is_secure(app) { format!("__Host-{name}") } else { name.to_owned() }
}

fn set(app: &App, answer: &mut HttpResponseBuilder, name: &str, value: &str, life: &str) {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let name = named(app, name);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{life}");
    answer.append_header((header::SET_COOKIE, text));
}
