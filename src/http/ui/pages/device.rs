//! Connecting a device that has no keyboard (RFC 8628 §3.3).

use askama::Template;

use crate::http::ui::Frame;

/// The page on which the device's code is entered.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The initial value of the code, or an empty text.
    pub user_code: &'a str,
    /// The error of the code.
    pub error: Option<&'a str>,
}

/// The last page: the user continues on the device.
#[derive(Template)]
#[template(path = "device_done.html")]
pub struct DeviceDonePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// Whether access was given.
    pub allowed: bool,
    /// The application on the device.
    pub client_name: &'a str,
}
