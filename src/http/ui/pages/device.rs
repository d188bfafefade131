//! Connecting a device that has no keyboard (RFC 8628 §3.3).

use askama::Template;

use crate::http::ui::Frame;

/// Where the device's code is typed.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// The code to begin with; empty for none.
    pub user_code: &'a str,
    /// What is wrong with the code.
    pub error: Option<&'a str>,
}

/// The end of it: the rest happens on the device.
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
