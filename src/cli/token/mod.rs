//! `signet token`: decoding, verifying and previewing tokens.
//!
//! `inspect` only decodes and needs no database. `verify`, `preview` and `why`, which has its own file, call use
//! cases. No command consumes, issues or prints a token.

mod input;
mod why;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::admin::tokens::{self, Problem};
use crate::base::{Timestamp, opaque_token};
use crate::identity::login::RequestedAccess;

use super::error::{CommandError, about};
use super::exit::Exit;
use super::output::{Format, Output};
use super::relative_time::ago;
use super::startup_report;
use super::user;
use super::with_app::with_app;

use input::TokenArgs;
use why::WhyArgs;

/// The subcommands for tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Decode a token's header and claims without verifying anything
    #[command(after_help = "Examples:
  signet token inspect eyJhbGciOi...
  curl -s http://localhost:8484/v1/login -d @login.json -H 'content-type: application/json' \\
    | signet token inspect -

Works offline and for tokens of every issuer. A leading Bearer is ignored; of a JSON token response the
access token is taken.")]
    Inspect(TokenArgs),
    /// Verify an access token: signature, issuer, audience, time, session
    #[command(after_help = "Examples:
  signet token verify eyJhbGciOi... --audience https://api.example.com
  pbpaste | signet token verify -

Prints the claims and exits 0, or prints the reason and exits 7. Without --audience, a token is valid
for Signet itself or for any registered API.")]
    Verify(VerifyArgs),
    /// Explain why a token is valid or not: every check, including those that only the issuer can make
    #[command(after_help = "Examples:
  signet token why eyJhbGciOi... --audience https://api.example.com
  pbpaste | signet token why - --at 2026-11-18T11:06:40Z

Prints every check with ok, FAILED or - (prevented by an earlier failure) and exits 0 if the
token is valid, else 7. With --at it is checked as of that time, as far as the data are still stored.
Every code is explained in docs/token-codes.")]
    Why(WhyArgs),
    /// Show the access token a log-in would get now: header and claims, unsigned
    #[command(after_help = "Examples:
  signet token preview ada --audience https://api.example.com --scope 'orders:read'
  signet token preview ada --audience https://api.example.com | jq .claims.roles

Built and refused exactly as at a log-in; nothing is signed or stored.")]
    Preview(PreviewArgs),
}

/// `signet token verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    token: TokenArgs,
    /// The audience the token must be for
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
}

/// `signet token preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The user's login, verified e-mail address, or id
    #[arg(value_name = "LOGIN|EMAIL|ID")]
    user: String,
    /// The API the token would be for; without it, Signet itself
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// The scopes the log-in would request, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Inspect(args) => inspect(&args.read()?, output),
        Command::Why(args) => why::run(args, output),
        Command::Preview(args) => preview(args, output),
        Command::Verify(args) => {
            let token = args.token.read()?;
            with_app(async |app| {
                let work = tokens::verify(app.clone(), token, args.audience.clone(), app.now());
                match app.run_to_completion(work).await? {
                    Ok(claims) => Ok(output.object(&claims)?),
                    Err(problem) => Err(not_good(&problem, output.now())),
                }
            })
        }
    }
}

fn preview(args: &PreviewArgs, output: Output) -> Result<(), CommandError> {
    let asked = RequestedAccess {
        audience: args.audience.clone(),
        scope: args.scope.clone(),
        client_id: None,
    };
    with_app(async |app| {
        let user = user::find(&app, &args.user).await?;
        let work = tokens::preview(app.clone(), user.id, asked, app.now());
        let preview = app.run_to_completion(work).await.map_err(about("user", &args.user))?;
        Ok(output.object(&preview)?)
    })
}

/// The kind of an opaque secret by its prefix, as a word and a name.
fn opaque(token: &str) -> Option<(&'static str, &'static str)> {
    [
        (opaque_token::REFRESH_TOKEN, "refresh_token", "a refresh token"),
        (opaque_token::AUTHORIZATION_CODE, "authorization_code", "an authorization code"),
        (opaque_token::CLIENT_SECRET, "client_secret", "a client secret"),
        (opaque_token::ADMIN_KEY, "api_key", "an administration key"),
        (opaque_token::API_KEY, "api_key", "an API key"),
    ]
    .into_iter()
    .find_map(|(prefix, word, name)| token.starts_with(prefix).then_some((word, name)))
}

fn inspect(token: &str, output: Output) -> Result<(), CommandError> {
    if let Some((word, name)) = opaque(token) {
        startup_report::say(&format!(
            "This is {name}. It is opaque by design: only Signet can read its content.\n"
        ));
        return Ok(output.object(&json!({ "kind": word, "opaque": true }))?);
    }
    let (header, claims) = decode(token)?;
    if output.format() == Format::Table {
        startup_report::say(&times(&claims, output.now()));
        startup_report::say("Only decoded. To check whether it is valid:  signet token verify\n");
    }
    Ok(output.object(&json!({ "header": header, "claims": claims }))?)
}

/// The parts of a JWS (RFC 7515 §7.1) that can be read without a key.
fn decode(token: &str) -> Result<(Value, Value), CommandError> {
    let no_token = |why: String| {
        CommandError::new(
            Exit::Failed,
            format!("this is not a signed token: {why}.\n  Pass all of it, from the first eyJ on."),
        )
    };
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims) = match parts.as_slice() {
        [header, claims, _] => (header, claims),
        [_, _, _, _, _] => {
            return Err(no_token("it has five parts, so it is an encrypted one".to_owned()));
        }
        other => {
            return Err(no_token(format!("it has {} of three parts between dots", other.len())));
        }
    };
    let object = |name: &str, part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .filter(Value::is_object)
            .ok_or_else(|| no_token(format!("its {name} is not a JSON object in base64url")))
    };
    Ok((object("header", header)?, object("payload", claims)?))
}

/// The times in the claims, in readable form.
fn times(claims: &Value, now: Timestamp) -> String {
    let line = |(claim, name): (&str, &str)| {
        let at = claims.get(claim).and_then(Value::as_i64).map(Timestamp::from_secs)?;
        Some(format!("{name:<11}{at}  {}\n", ago(at, now)))
    };
    [("iat", "Issued"), ("nbf", "Not before"), ("exp", "Expires"), ("auth_time", "Logged in")]
        .into_iter()
        .filter_map(line)
        .collect()
}

fn not_good(problem: &Problem, now: Timestamp) -> CommandError {
    let text = match problem {
        Problem::Opaque => {
            "this is not an access token: refresh tokens and other opaque secrets are checked where they are used."
                .to_owned()
        }
        Problem::NotOurs => {
            "this is not an access token of Signet: its form differs.\n  See what it is:  signet \
             token inspect TOKEN"
                .to_owned()
        }
        Problem::UnknownKey { kid } => format!(
            "unknown key: no published key is named {kid:?}.\n  Another server issued the token, or the key has been \
             retired:  signet key list"
        ),
        Problem::KeyNotSigning { kid } => format!(
            "key not in use: the key named {kid:?} is published but does not sign yet.\n  See which one signs:  \
             signet key list"
        ),
        Problem::BadSignature => {
            "bad signature: the token was changed after it was issued.".to_owned()
        }
        Problem::WrongIssuer { found, expected } => format!(
            "wrong issuer: the token says {found:?}, this server is {expected:?} (SIGNET_ISSUER)."
        ),
        Problem::WrongAudience { found, expected } => match expected {
            Some(expected) => {
                format!("wrong audience: the token is for {found:?}, not for {expected:?}.")
            }
            None => format!(
                "wrong audience: the token is for {found:?}, which is not a registered API.\n  \
                 List them:  signet api list"
            ),
        },
        Problem::IssuedInFuture { at } => format!(
            "issued in the future: its time of issue is {at} ({}). One of the clocks is wrong.",
            ago(*at, now)
        ),
        Problem::Expired { at } => format!("expired: it was valid until {at} ({}).", ago(*at, now)),
        Problem::SessionExpired => "session ended: its maximum lifetime was reached.".to_owned(),
        Problem::SessionEnded { reason } => match reason {
            Some(reason) => format!("session ended: {reason}."),
            None => "session ended: the user was disabled or deleted, changed the password, or ended all sessions."
                .to_owned(),
        },
        Problem::ApiKeyEnded => {
            "API key ended: the key for which the token was issued was revoked, or has expired."
                .to_owned()
        }
        Problem::ClientUnknown => "unknown client: the client of the token is not registered (any more).\n  \
                                   List them:  signet client list"
            .to_owned(),
        Problem::ClientDisabled => {
            "the client of the token is disabled.\n  See which:  signet \
                                    client list"
                .to_owned()
        }
        Problem::Revoked => "revoked: by the client the token was issued to.".to_owned(),
    };
    CommandError::new(Exit::CheckFailed, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signed_tokens_are_decoded() {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.", part(json!({ "alg": "none" })), part(json!({ "sub": "x" })));
        let (header, claims) = decode(&token).unwrap();
        assert_eq!((header["alg"].as_str(), claims["sub"].as_str()), (Some("none"), Some("x")));
        let number = format!("{}.{}.x", part(json!(1)), part(json!({})));
        for wrong in ["", "a.b", "a.b.c.d.e", "!.!.!", number.as_str()] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }
}
