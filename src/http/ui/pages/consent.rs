//! The consent to the access that an application requests.

use askama::Template;

use crate::domain::base_path::Link;
use crate::domain::user::User;
use crate::http::ui::{Frame, Locale};
use crate::oauth::restart::RestartOptions;

/// The page.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The application.
    pub client: ClientCard<'a>,
    /// The verified facts about an application that describes itself.
    pub document: Option<DocumentCard<'a>>,
    /// The destination of the browser: host or scheme in full. Empty for a device.
    pub destination: &'a str,
    /// The login of the user.
    pub login: &'a str,
    /// The requested access; empty if the application only identifies the user.
    pub items: Vec<ConsentItem>,
    /// Whether a device requests the access (RFC 8628).
    pub is_device: bool,
    /// The code that the device shows, for comparison (RFC 8628 §3.3.1).
    pub user_code: Option<&'a str>,
    /// The error of the decision, in the language of the page.
    pub error: Option<&'a str>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// The registered description of an application.
pub struct ClientCard<'a> {
    /// The registered name.
    pub name: &'a str,
    /// The uploaded logo, on this server.
    pub logo: Option<Link>,
    /// Its home page.
    pub home: Option<&'a str>,
    /// Its privacy policy.
    pub policy: Option<&'a str>,
    /// Its terms of service.
    pub terms: Option<&'a str>,
}

impl ClientCard<'_> {
    const fn has_links(&self) -> bool {
        self.home.is_some() || self.policy.is_some() || self.terms.is_some()
    }
}

/// The verified facts about an application that describes itself. The page loads nothing from it.
pub struct DocumentCard<'a> {
    /// The host of its `client_id`.
    pub host: &'a str,
    /// Whether the response stays on the machine of the user.
    pub is_local: bool,
}

/// One requested access.
pub struct ConsentItem {
    /// Its name, as a noun.
    pub title: String,
    /// An explanation in a sentence, if there is one.
    pub detail: Option<String>,
}

impl ConsentItem {
    /// The texts for one of Signet's own scopes. A scope without a text is shown unchanged.
    #[must_use]
    pub fn of_scope(locale: Locale, scope: &str) -> Self {
        let detail = locale.find(&format!("scope.{scope}.detail"));
        match locale.find(&format!("scope.{scope}")) {
            Some(title) => Self { title: title.to_owned(), detail: detail.map(str::to_owned) },
            None => Self { title: scope.to_owned(), detail: None },
        }
    }

    /// The texts for a scope of an API: the registered description, else the scope itself.
    #[must_use]
    pub fn of_api(scope: &str, api: &str, description: Option<&str>) -> Self {
        Self { title: description.unwrap_or(scope).to_owned(), detail: Some(api.to_owned()) }
    }

    /// The same for this user, whose e-mail address the application may receive.
    #[must_use]
    pub fn for_user(self, locale: Locale, scope: &str, user: &User) -> Self {
        if scope != "email" || user.verified_email().is_some() {
            return self;
        }
        let key = if user.email.is_some() { "scope.email.unverified" } else { "scope.email.none" };
        Self { detail: Some(locale.t(key).to_owned()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oidc::SCOPES;

    #[test]
    fn scopes_of_our_own_are_said_in_words() {
        for locale in Locale::all() {
            for known in SCOPES {
                let item = ConsentItem::of_scope(locale, known.scope);
                assert_ne!(item.title, known.scope, "{}", locale.lang());
            }
        }
    }

    #[test]
    fn scopes_of_an_api_stand_for_themselves_without_a_description() {
        let api = "https://api.example.com";
        for scope in ["orders:read", "profile", "openid.detail", "<b>"] {
            let item = ConsentItem::of_api(scope, api, None);
            assert_eq!((&*item.title, item.detail.as_deref()), (scope, Some(api)));
        }
        let item = ConsentItem::of_api("orders:read", api, Some("See your orders"));
        assert_eq!((&*item.title, item.detail.as_deref()), ("See your orders", Some(api)));
        let item = ConsentItem::of_scope(Locale::english(), "orders:read");
        assert_eq!((&*item.title, item.detail), ("orders:read", None));
    }
}
