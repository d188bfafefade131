//! Values of options that several commands take: algorithms, and times that may be `default`.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::base::TimeSpan;
use crate::config::length_of_time;
use crate::domain::signing_key::SigningAlg;

/// A value, or the word `default`, which removes a value chosen before.
#[derive(Debug, Clone, Copy)]
pub struct OrDefault<T>(pub Option<T>);

/// Takes the name of a signing algorithm and nothing else.
pub fn signing_alg() -> impl TypedValueParser<Value = SigningAlg> {
    PossibleValuesParser::new(SigningAlg::ALL.iter().map(|alg| alg.as_str()))
        .try_map(|text| text.parse::<SigningAlg>())
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
