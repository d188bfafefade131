//! The token of a command, from an argument or standard input, in any pasted form.

use std::io::{self, Read as _};

use clap::Args;
use serde_json::Value;

use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// The longest standard input that is read.
const MAX_INPUT: u64 = 1024 * 1024;

/// A token.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The token, or - to read it from stdin, which keeps it out of the shell's history
    #[arg(value_name = "TOKEN|-")]
    token: String,
}

impl TokenArgs {
    /// Reads the token.
    pub fn read(&self) -> Result<String, CommandError> {
        if self.token != "-" {
            return bare(&self.token);
        }
        let mut text = String::new();
        io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text).map_err(|error| {
            CommandError::new(Exit::Failed, format!("standard input cannot be read: {error}."))
        })?;
        bare(&text)
    }
}

/// Extracts the token from a header's value or a whole token response.
fn bare(text: &str) -> Result<String, CommandError> {
    let text = text.trim();
    let text = match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        None if text.eq_ignore_ascii_case("bearer") => "",
        _ => text,
    };
    if !text.starts_with('{') {
        return if text.is_empty() {
            Err(CommandError::usage("there is no token."))
        } else {
            Ok(text.to_owned())
        };
    }
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let member = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    member("access_token")
        .or_else(|| member("id_token"))
        .or_else(|| member("refresh_token"))
        .ok_or_else(|| {
            CommandError::usage(
                "this token response has no access_token.\n  Pass the token itself.",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_tokens_are_extracted() {
        for text in [
            "a.b.c",
            "  a.b.c\n",
            "Bearer a.b.c",
            "bearer   a.b.c\n",
            r#"{"access_token":"a.b.c","refresh_token":"srt_x"}"#,
        ] {
            assert_eq!(bare(text).unwrap(), "a.b.c", "{text}");
        }
        assert_eq!(bare(r#"{"refresh_token":"srt_x"}"#).unwrap(), "srt_x");
        for wrong in ["", "Bearer ", r#"{"error":"invalid_client"}"#, "{"] {
            assert!(bare(wrong).is_err(), "{wrong}");
        }
    }
}
