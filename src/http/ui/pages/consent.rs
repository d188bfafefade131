//! Allowing an application what it asks for.

use askama::Template;

use crate::domain::base_path::Link;
use crate::domain::user::User;
use crate::http::ui::{Frame, Locale};
use crate::oauth::restart::RestartOptions;

/// The question.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// The application.
    pub client: ClientCard<'a>,
    /// What is known of an application that describes itself.
    pub document: Option<DocumentCard<'a>>,
    /// Where the browser goes next: host or scheme in full. Empty for a device, which goes nowhere.
    pub destination: &'a str,
    /// Who is signed in.
    pub login: &'a str,
    /// What it asks for; nothing when it only wants to know who it is.
    pub items: Vec<ConsentItem>,
    /// Whether a device asks (RFC 8628).
    pub is_device: bool,
    /// The code the device shows, so that a person can compare (RFC 8628 §3.3.1).
    pub user_code: Option<&'a str>,
    /// What is wrong with the decision, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

/// What an administrator has registered about an application.
pub struct ClientCard<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its logo.
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

/// What is known of an application that describes itself. Nothing of it is loaded by the page.
pub struct DocumentCard<'a> {
    /// The host of its address.
    pub host: &'a str,
    /// Whether the answer stays on the machine of the user.
    pub is_local: bool,
}

/// One thing an application asks for.
pub struct ConsentItem {
    /// What it is, as a noun.
    pub title: String,
    /// What that means.
    pub detail: Option<String>,
}

impl ConsentItem {
    /// The texts for a scope of Signet's own. One that no language has a text for stands for itself.
    #[must_use]
    pub fn of_scope(locale: Locale, scope: &str) -> Self {
        let detail = locale.find(&format!("scope.{scope}.detail"));
        match locale.find(&format!("scope.{scope}")) {
            Some(title) => Self { title: title.to_owned(), detail: detail.map(str::to_owned) },
            None => Self { title: scope.to_owned(), detail: None },
        }
    }

    /// The texts for a scope of an API: in the words of its administrator, else the scope stands for itself.
    #[must_use]
    pub fn of_api(scope: &str, api: &str, description: Option<&str>) -> Self {
        Self { title: description.unwrap_or(scope).to_owned(), detail: Some(api.to_owned()) }
    }

    /// The same for this user: whether the application gets their e-mail address.
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
