//! Values of options that several commands take: algorithms, and times that may be `default`.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::base::TimeSpan;
use crate::base::text_enum::UnknownText;
use crate::config::length_of_time;
use crate::domain::signing_key::SigningAlg;

/// A value, or the word `default`, which removes a value chosen before.
#[derive(Debug, Clone, Copy)]
pub struct OrDefault<T>(pub Option<T>);

/// Takes one of the texts of `all` and nothing else.
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

/// Takes the name of a signing algorithm and nothing else.
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
