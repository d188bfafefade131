//! The settings of spans: the collector and the sampled fraction.
//!
//! Owns the forms of the address and of the headers. Connects to nothing.

use url::Url;

use super::errors::Wrong;
use super::parse::is_header_name;
use super::reader::Reader;
use super::settings as s;
use crate::base::Secret;

/// The collector of spans.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "read by the feature"))]
pub struct SpanSettings {
    /// The URL to which they are posted.
    pub endpoint: Url,
    /// Headers that the collector requires.
    pub headers: Vec<(String, Secret<String>)>,
    /// The fraction of locally started traces that are sent, from 0 to 1.
    pub sample: f64,
}

/// Reads the settings. `None` without a collector.
pub(super) fn read(read: &mut Reader<'_>) -> Option<SpanSettings> {
    let endpoint = read.typed(&s::OTLP_ENDPOINT, endpoint);
    let headers = read.typed(&s::OTLP_HEADERS, headers);
    let sample = read.fixed(&s::OTLP_SAMPLE, share);
    read.require(
        &[&s::OTLP_HEADERS, &s::OTLP_ENDPOINT],
        !read.is_set(&s::OTLP_HEADERS) || read.is_set(&s::OTLP_ENDPOINT),
        "these headers need a collector",
        format!("Set {} too, or remove the headers", s::OTLP_ENDPOINT.name),
    );
    Some(SpanSettings {
        endpoint: endpoint?,
        headers: headers.unwrap_or_default(),
        sample: sample?,
    })
}

/// The base address of a collector (OTLP/HTTP: spans are posted to `v1/traces` below it), or that address in full.
fn endpoint(text: &str) -> Result<Url, Wrong> {
    const ADVICE: &str = "Type the address of a collector such as http://127.0.0.1:4318";
    let wrong = |because| Wrong::new(because, ADVICE);
    if cfg!(not(feature = "otlp")) {
        return Err(Wrong::new(
            "needs the feature otlp, which this binary does not have",
            "Build it with cargo build --release --features otlp, or remove the setting",
        ));
    }
    let mut url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is not an http or https URL"));
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(wrong("has a user, a query or a fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/v1/traces") {
        url.set_path(&format!("{path}/v1/traces"));
    }
    Ok(url)
}

/// `NAME=VALUE`, separated by commas.
fn headers(text: &str) -> Result<Vec<(String, Secret<String>)>, Wrong> {
    let wrong = |because| Wrong::new(because, "Type NAME=VALUE, and a comma between two of them");
    let pairs = text.split(',').map(|pair| {
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("has a part without ="))?;
        let (name, value) = (name.trim(), value.trim());
        if !is_header_name(name) {
            return Err(wrong("has an invalid header name"));
        }
        if value.is_empty() || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(wrong("has a value that is empty or not ASCII"));
        }
        Ok((name.to_ascii_lowercase(), Secret::new(value.to_owned())))
    });
    pairs.collect()
}

/// A fraction, from 0 to 1.
fn share(text: &str) -> Result<f64, Wrong> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        Wrong::new(
            "is not a number from 0 to 1",
            "Type 1 for every request, 0.01 for one in a hundred, or 0 for those a trusted proxy has chosen",
        )
    })
}
