//! The two cookies of the pages: one identifies the browser, one the sign-in.
//!
//! Owns their names and attributes. Under TLS they have a prefix, so that no plain connection can set them, nor,
//! with `__Host-`, another host (RFC 6265bis §4.1.3); on plain http Safari would refuse such a name. If the issuer
//! has a path, other applications may share the origin: the session cookie is sent below that path only, which
//! `__Host-` forbids, so it is `__Secure-`; and both names contain a hash of the path, because the cookies of two
//! servers on one origin would otherwise collide.

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::app::App;
use crate::base::opaque_token;
use crate::crypto::digest::sha256_base64url;
use crate::i18n::{self, Locale};
use crate::identity::browser_login::SignedInBrowser;
use crate::identity::current_login::BrowserCookies;

use super::context::Context;

/// A cookie, by its name without prefix and path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cookie {
    Session,
    Browser,
    Console,
}

/// The number of characters of the path's hash in a name: enough to distinguish the servers of one origin.
const PATH_HASH: usize = 8;

/// The cookies of a request, and whether the browser needs a new one.
pub struct Visit {
    /// The cookies.
    pub cookies: BrowserCookies,
    is_new: bool,
}

impl Visit {
    /// Reads the cookies. A browser without one gets it with the response.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let app = &context.app;
        let known = |cookie: Cookie| context.cookie(&cookie.name(app)).map(str::to_owned);
        let browser = known(Cookie::Browser)
            .filter(|value| opaque_token::is_well_formed(opaque_token::BROWSER, value));
        let is_new = browser.is_none();
        let browser =
            browser.unwrap_or_else(|| opaque_token::generate(opaque_token::BROWSER, &*app.entropy));
        Self { cookies: BrowserCookies { browser, session: known(Cookie::Session) }, is_new }
    }

    /// Sets the browser's cookie, unless it has one.
    pub fn keep(&self, app: &App, answer: &mut HttpResponseBuilder) {
        if self.is_new {
            set(app, answer, Cookie::Browser, &self.cookies.browser, "");
        }
    }

    /// Whether the request had no cookie of the browser.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }
}

/// Sets the cookie of a sign-in. It ends with the browser session unless the user stays signed in; the server
/// decides how long it is valid.
pub fn log_in(app: &App, answer: &mut HttpResponseBuilder, signed_in: &SignedInBrowser) {
    let kept_for = signed_in.kept_for.map(|span| format!("; Max-Age={}", span.secs().max(0)));
    let life = kept_for.unwrap_or_default();
    set(app, answer, Cookie::Session, signed_in.cookie.expose(), &life);
}

/// Removes the cookie of a sign-in if the request carried one. A form sent by another site carries none: otherwise
/// any site could sign its visitors out.
pub fn log_out(app: &App, visit: &Visit, answer: &mut HttpResponseBuilder) {
    if visit.cookies.session.is_some() {
        set(app, answer, Cookie::Session, "", "; Max-Age=0");
    }
}

/// When the console was last used in this browser, according to its cookie.
#[must_use]
pub fn console_use(context: &Context) -> Option<&str> {
    context.cookie(&Cookie::Console.name(&context.app))
}

/// Stores when the console was last used in this browser.
pub fn keep_console_use(app: &App, answer: &mut HttpResponse, value: &str) {
    let mut head = HttpResponse::Ok();
    set(app, &mut head, Cookie::Console, value, "");
    for cookie in head.finish().headers().get_all(header::SET_COOKIE) {
        answer.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
}

/// Stores the language that the user chose, for a year.
pub fn choose_language(app: &App, answer: &mut HttpResponseBuilder, locale: Locale) {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let (name, path, lang) = (i18n::COOKIE, app.base_path.as_str(), locale.lang());
    let path = if app.base_path.is_root() { "/" } else { path };
    let text =
        format!("{name}={lang}; Path={path}; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}");
    answer.append_header((header::SET_COOKIE, text));
}

impl Cookie {
    fn name(self, app: &App) -> String {
        let name = match self {
            Self::Session => "signet_session",
            Self::Browser => "signet_browser",
            Self::Console => "signet_console",
        };
        let prefix = match (is_secure(app), self.path(app)) {
            (false, _) => "",
            (true, "/") => "__Host-",
            (true, _) => "__Secure-",
        };
        if app.base_path.is_root() {
            return format!("{prefix}{name}");
        }
        let hash = sha256_base64url(app.base_path.as_str().as_bytes());
        format!("{prefix}{name}_{}", &hash[..PATH_HASH])
    }

    fn path(self, app: &App) -> &str {
        match self {
            Self::Session | Self::Console if !app.base_path.is_root() => app.base_path.as_str(),
            _ => "/",
        }
    }
}

fn is_secure(app: &App) -> bool {
    app.issuer().starts_with("https://")
}

fn set(app: &App, answer: &mut HttpResponseBuilder, cookie: Cookie, value: &str, life: &str) {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let (name, path) = (cookie.name(app), cookie.path(app));
    let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}{life}");
    answer.append_header((header::SET_COOKIE, text));
}
