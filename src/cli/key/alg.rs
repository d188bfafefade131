//! The algorithm of a key, as an option.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::domain::signing_key::SigningAlg;

/// Takes the name of an algorithm and nothing else.
pub fn alg_parser() -> impl TypedValueParser<Value = SigningAlg> {
    PossibleValuesParser::new(SigningAlg::ALL.iter().map(|alg| alg.as_str()))
        .try_map(|text| text.parse::<SigningAlg>())
}
