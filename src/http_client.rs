//! The way out: forms posted to addresses that an administrator has registered.
//!
//! Owns what keeps that harmless: no redirect is followed, no proxy of the environment is used, an
//! answer is looked at no further than its status, and nothing takes longer than five seconds.

use std::sync::OnceLock;

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};
use reqwest::redirect::Policy;

use crate::base::Deadlines;

/// A client for HTTP, made when it is first needed: without certificates of the system there can be
/// none, and most servers never need one.
pub struct HttpClient {
    client: OnceLock<Option<reqwest::Client>>,
    deadlines: Deadlines,
}

impl HttpClient {
    /// A client that waits as long as `deadlines` say.
    #[must_use]
    pub const fn new(deadlines: Deadlines) -> Self {
        Self { client: OnceLock::new(), deadlines }
    }

    /// Posts a form. Good is every status of success.
    ///
    /// # Errors
    /// In words for the log, which hold nothing of the form.
    pub async fn post_form(&self, uri: &str, fields: &[(&str, &str)]) -> Result<(), String> {
        let client = self.client.get_or_init(|| make(self.deadlines)).as_ref();
        let client = client.ok_or("there are no certificates to trust on this system")?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = client
            .post(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CACHE_CONTROL, "no-store")
            .body(body)
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("the answer was {}", answer.status().as_u16()))
        }
    }
}

fn make(deadlines: Deadlines) -> Option<reqwest::Client> {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(deadlines.delivery())
        .connect_timeout(deadlines.delivery_connection())
        .pool_max_idle_per_host(1)
        .user_agent(concat!("signet/", env!("CARGO_PKG_VERSION")))
        .build();
    client.inspect_err(|error| tracing::error!(%error, "no way out to clients")).ok()
}
