//! Values of options of several commands: algorithms, and times that may be `default`.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::admin::time_bound::point_in_time;
use crate::base::text_enum::UnknownText;
use crate::base::{TimeSpan, Timestamp};
use crate::config::length_of_time;
use crate::domain::signing_key::SigningAlg;

use super::error::CommandError;

/// A value, or the word `default`, which removes a chosen value.
#[derive(Debug, Clone, Copy)]
pub struct OrDefault<T>(pub Option<T>);

/// Accepts only one of the texts of `all`.
pub fn words<T>(all: &'static [T], text: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + FromStr<Err = UnknownText> + Send + Sync,
{
    PossibleValuesParser::new(all.iter().map(|word| text(*word))).try_map(|text| text.parse::<T>())
}

/// The same, or `default`.
pub fn word_or_default<T>(
    all: &'static [T],
    text: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = OrDefault<T>>
where
    T: Copy + FromStr<Err = UnknownText> + Send + Sync,
{
    let texts = all.iter().map(|word| text(*word)).chain(["default"]);
    PossibleValuesParser::new(texts).try_map(|text| match &*text {
        "default" => Ok(OrDefault(None)),
        text => text.parse::<T>().map(|word| OrDefault(Some(word))),
    })
}

/// Accepts only the name of a signing algorithm.
pub fn signing_alg() -> impl TypedValueParser<Value = SigningAlg> {
    words(SigningAlg::ALL, SigningAlg::as_str)
}

/// A length of time within bounds, or `default`.
pub fn time_or_default(
    text: &str,
    least: TimeSpan,
    most: TimeSpan,
) -> Result<OrDefault<TimeSpan>, String> {
    if text == "default" {
        return Ok(OrDefault(None));
    }
    length_of_time(text, least..=most).map(|span| OrDefault(Some(span)))
}

/// The time that an option names, absolute or relative to now.
pub fn time(option: &str, text: &str, now: Timestamp) -> Result<Timestamp, CommandError> {
    point_in_time(text, now).ok_or_else(|| {
        CommandError::usage(format!(
            "{option} {text:?} is not a time.\n  Use RFC 3339 (2026-03-01T12:00:00Z), or how long ago (2h, 30d)."
        ))
    })
}
