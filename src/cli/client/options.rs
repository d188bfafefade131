//! The options for a client on the command line.
//!
//! Owns their syntax. `domain::client` checks their combination.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::admin::clients::Change;
use crate::base::TimeSpan;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::names::{Names, address, any, names};
use crate::cli::value_parsers::{OrDefault, signing_alg, time_or_default, word_or_default, words};
use crate::domain::authn::AssuranceLevel;
use crate::domain::client::{
    AssertionAudience, AuthMethod, IdTokenClaims, PkcePolicy, SecurityProfile,
};
use crate::domain::signing_key::SigningAlg;
use crate::domain::token_rules::{MAX_ACCESS_TTL, MIN_ACCESS_TTL};
use crate::domain::workload::rule::WorkloadRule;
use crate::oauth::grants;

use super::keys::admin_scope;

/// The largest key file, in bytes: the limit of the HTTP API.
const MAX_JWKS: u64 = 64 * 1024;

/// The options for new and existing clients.
#[derive(Debug, Args)]
pub struct Choices {
    /// The only method by which it authenticates; or default: none for spa and native, client_secret_basic or
    /// client_secret_post for the others
    #[arg(long, value_name = "METHOD", value_parser = word_or_default(AuthMethod::ALL, AuthMethod::as_str))]
    auth_method: Option<OrDefault<AuthMethod>>,
    /// Whether its authorization requests need a PKCE challenge: required, nonce (a challenge, or openid with a
    /// nonce; the default of web clients) or optional; always required for spa and native
    #[arg(long, value_name = "POLICY", value_parser = words(PkcePolicy::ALL, PkcePolicy::as_str))]
    pkce: Option<PkcePolicy>,
    /// The audience of its private_key_jwt assertions: issuer (the default), or endpoint to accept the token
    /// endpoint and the called endpoint as well
    #[arg(long, value_name = "AUDIENCE", value_parser = words(AssertionAudience::ALL, AssertionAudience::as_str))]
    assertion_audience: Option<AssertionAudience>,
    /// A security profile that it must follow: fapi2 (FAPI 2.0: pushed requests, PKCE, DPoP, private_key_jwt), or
    /// default for none
    #[arg(long, value_name = "PROFILE", value_parser = word_or_default(SecurityProfile::ALL, SecurityProfile::as_str))]
    security_profile: Option<OrDefault<SecurityProfile>>,
    /// The home page of the application
    #[arg(long, value_name = "URI")]
    client_uri: Option<String>,
    /// The privacy policy of the application
    #[arg(long, value_name = "URI")]
    policy_uri: Option<String>,
    /// The terms of service of the application
    #[arg(long, value_name = "URI")]
    tos_uri: Option<String>,
    /// A redirect URI, compared byte by byte; may be given several times
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = address)]
    redirect_uris: Vec<String>,
    /// A URI to which users may return after logging out; may be given several times
    #[arg(long = "post-logout-redirect-uri", value_name = "URI", value_parser = address)]
    post_logout_redirect_uris: Vec<String>,
    /// The URI that receives logout tokens when a session ends
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// An origin, besides those of the redirect URIs, whose scripts may call Signet; may be given several times
    #[arg(long = "web-origin", value_name = "ORIGIN", value_parser = address)]
    web_origins: Vec<String>,
    /// A grant it may use, such as authorization_code or device_code; may be given several times
    /// (default: those of its type)
    #[arg(long = "grant", value_name = "GRANT", value_parser = names(grant))]
    grants: Vec<Names>,
    /// A scope it may request; may be given several times (default: everything its audiences offer)
    #[arg(long = "scope", value_name = "SCOPE", value_parser = names(any))]
    scopes: Vec<Names>,
    /// An administration scope that a service may request at Signet itself, such as signet:users; may be given
    /// several times
    #[arg(long = "admin-scope", value_name = "SCOPE", value_parser = names(admin_scope))]
    admin_scopes: Vec<Names>,
    /// Which programs of a trusted issuer authenticate as it, such as 'github: repository_id=123,ref=refs/heads/main';
    /// may be given several times
    #[arg(long = "workload", value_name = "RULE", value_parser = rule)]
    workloads: Vec<String>,
    /// A registered API its tokens may be for; may be given several times
    #[arg(long = "audience", value_name = "IDENTIFIER", value_parser = address)]
    audiences: Vec<String>,
    /// A registered API that it implements, whose tokens it may introspect; may be given several times
    #[arg(long, value_name = "IDENTIFIER", value_parser = address)]
    serves: Vec<String>,
    /// Lifetime of its access tokens, such as 5m, if the API sets none; or default
    #[arg(long, value_name = "TIME", value_parser = access_ttl)]
    access_token_ttl: Option<OrDefault<TimeSpan>>,
    /// Idle lifetime of its sessions, such as 7d; or default
    #[arg(long, value_name = "TIME", value_parser = session_ttl)]
    refresh_idle_ttl: Option<OrDefault<TimeSpan>>,
    /// Absolute lifetime of its sessions, such as 30d; or default
    #[arg(long, value_name = "TIME", value_parser = session_ttl)]
    refresh_max_ttl: Option<OrDefault<TimeSpan>>,
    /// Signing algorithm of its ID tokens (default: RS256)
    #[arg(long, value_name = "ALG", value_parser = signing_alg())]
    id_token_alg: Option<SigningAlg>,
    /// Claims about the user in its ID tokens: minimal (default: those requested by name) or scopes (those of the
    /// granted scopes as well)
    #[arg(long, value_name = "CLAIMS", value_parser = words(IdTokenClaims::ALL, IdTokenClaims::as_str))]
    id_token_claims: Option<IdTokenClaims>,
    /// The lowest assurance level of its users' sign-ins: single (the default), mfa (with a second factor, which
    /// users without one enrol) or phr (with a passkey)
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    min_acr: Option<AssuranceLevel>,
    /// Its public keys for private_key_jwt: a file with a JWK set or a JWK, or - for stdin
    #[arg(long, value_name = "FILE|-")]
    jwks_file: Option<PathBuf>,
}

/// The options that remove settings from a client.
#[derive(Debug, Args)]
pub struct Cleared {
    /// Remove the home page
    #[arg(long, conflicts_with = "client_uri")]
    no_client_uri: bool,
    /// Remove the privacy policy
    #[arg(long, conflicts_with = "policy_uri")]
    no_policy_uri: bool,
    /// Remove the terms of service
    #[arg(long, conflicts_with = "tos_uri")]
    no_tos_uri: bool,
    /// Remove all redirect URIs
    #[arg(long, conflicts_with = "redirect_uris")]
    no_redirect_uris: bool,
    /// Remove all URIs to return to after logging out
    #[arg(long, conflicts_with = "post_logout_redirect_uris")]
    no_post_logout_redirect_uris: bool,
    /// Remove the URI for logout tokens
    #[arg(long, conflicts_with = "backchannel_logout_uri")]
    no_backchannel_logout_uri: bool,
    /// Remove all further origins
    #[arg(long, conflicts_with = "web_origins")]
    no_web_origins: bool,
    /// Allow it no scope
    #[arg(long, conflicts_with_all = ["scopes", "all_scopes"])]
    no_scopes: bool,
    /// Allow it every scope its audiences offer
    #[arg(long, conflicts_with = "scopes")]
    all_scopes: bool,
    /// Remove all administration scopes
    #[arg(long, conflicts_with = "admin_scopes")]
    no_admin_scopes: bool,
    /// Let no workload authenticate as it
    #[arg(long, conflicts_with = "workloads")]
    no_workloads: bool,
    /// Remove all audiences
    #[arg(long, conflicts_with = "audiences")]
    no_audiences: bool,
    /// Remove all APIs that it implements
    #[arg(long, conflicts_with = "serves")]
    no_serves: bool,
}

/// An assurance level by its short name.
pub fn level(text: &str) -> Result<AssuranceLevel, String> {
    match text {
        "single" => Ok(AssuranceLevel::Single),
        "mfa" => Ok(AssuranceLevel::Multi),
        _ => text.parse().map_err(|_| "Type single, mfa or phr".to_owned()),
    }
}

/// A grant's name without its URN prefix and with underscores.
fn short(grant: &str) -> String {
    grant.rsplit(':').next().unwrap_or_default().replace('-', "_")
}

fn grant(text: &str) -> Result<String, String> {
    let named = |grant: &&&str| **grant == text || short(grant) == text;
    grants::NAMES.iter().find(named).map(|grant| (*grant).to_owned()).ok_or_else(|| {
        let known: Vec<String> = grants::NAMES.iter().map(|grant| short(grant)).collect();
        format!("a grant is one of {}", known.join(", "))
    })
}

/// A rule in its canonical spelling.
fn rule(text: &str) -> Result<String, String> {
    let parsed = text.parse::<WorkloadRule>().map_err(|error| error.message().to_owned())?;
    Ok(parsed.to_string())
}

fn access_ttl(text: &str) -> Result<OrDefault<TimeSpan>, String> {
    time_or_default(text, MIN_ACCESS_TTL, MAX_ACCESS_TTL)
}

fn session_ttl(text: &str) -> Result<OrDefault<TimeSpan>, String> {
    time_or_default(text, TimeSpan::from_mins(1), TimeSpan::from_days(3650))
}

impl Choices {
    /// The change. Reads the file of keys, if one is named.
    pub fn change(&self) -> Result<Change, CommandError> {
        let all = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        Ok(Change {
            auth_method: self.auth_method.map(|chosen| chosen.0),
            pkce: self.pkce.map(Some),
            assertion_audience: self.assertion_audience.map(Some),
            security_profile: self.security_profile.map(|chosen| chosen.0),
            client_uri: self.client_uri.clone().map(Some),
            policy_uri: self.policy_uri.clone().map(Some),
            tos_uri: self.tos_uri.clone().map(Some),
            redirect_uris: all(&self.redirect_uris),
            post_logout_redirect_uris: all(&self.post_logout_redirect_uris),
            backchannel_logout_uri: self.backchannel_logout_uri.clone().map(Some),
            web_origins: all(&self.web_origins),
            grant_types: all(&Names::all(&self.grants)).map(Some),
            scopes: all(&Names::all(&self.scopes)).map(Some),
            admin_scopes: all(&Names::all(&self.admin_scopes)),
            workloads: all(&self.workloads),
            audiences: all(&self.audiences),
            resource_servers: all(&self.serves),
            access_token_ttl: self.access_token_ttl.map(|chosen| chosen.0),
            refresh_idle_ttl: self.refresh_idle_ttl.map(|chosen| chosen.0),
            refresh_max_ttl: self.refresh_max_ttl.map(|chosen| chosen.0),
            id_token_alg: self.id_token_alg.map(Some),
            id_token_claims: self.id_token_claims.map(Some),
            min_acr: self
                .min_acr
                .map(|level| Some(level).filter(|level| *level > AssuranceLevel::Single)),
            jwks: jwks_of(self.jwks_file.as_deref())?,
            ..Change::default()
        })
    }
}

/// The public keys in a file, if one is named; `-` is standard input.
pub fn jwks_of(path: Option<&Path>) -> Result<Option<Value>, CommandError> {
    let Some(path) = path else { return Ok(None) };
    if path.as_os_str() == "-" {
        return read(io::stdin().lock(), "standard input").map(Some);
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    read(file, &name).map(Some)
}

fn read(from: impl Read, name: &str) -> Result<Value, CommandError> {
    let mut bytes = Vec::new();
    from.take(MAX_JWKS + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_JWKS) {
        return Err(CommandError::usage(format!(
            "{name} is larger than 64 KiB, the limit for public keys."
        )));
    }
    // The library's error may quote the text, and users may pick a wrong file.
    serde_json::from_slice(&bytes).map_err(|_| {
        CommandError::usage(format!(
            "{name} does not contain JSON.\n  Give the public keys as a JWK set; JOSE tools convert PEM to it."
        ))
    })
}

fn unreadable(name: &str, error: &io::Error) -> CommandError {
    CommandError::new(Exit::Failed, format!("the public keys cannot be read from {name}: {error}."))
}

impl Cleared {
    /// `change` without these settings.
    pub fn from(&self, change: Change) -> Change {
        let none = |cleared: bool| cleared.then(Vec::new);
        let scopes = if self.all_scopes { Some(None) } else { none(self.no_scopes).map(Some) };
        let back = self.no_backchannel_logout_uri.then_some(None);
        Change {
            client_uri: self.no_client_uri.then_some(None).or(change.client_uri),
            policy_uri: self.no_policy_uri.then_some(None).or(change.policy_uri),
            tos_uri: self.no_tos_uri.then_some(None).or(change.tos_uri),
            redirect_uris: none(self.no_redirect_uris).or(change.redirect_uris),
            post_logout_redirect_uris: none(self.no_post_logout_redirect_uris)
                .or(change.post_logout_redirect_uris),
            backchannel_logout_uri: back.or(change.backchannel_logout_uri),
            web_origins: none(self.no_web_origins).or(change.web_origins),
            scopes: scopes.or(change.scopes),
            admin_scopes: none(self.no_admin_scopes).or(change.admin_scopes),
            workloads: none(self.no_workloads).or(change.workloads),
            audiences: none(self.no_audiences).or(change.audiences),
            resource_servers: none(self.no_serves).or(change.resource_servers),
            ..change
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_named_in_full_or_shortly() {
        for (text, name) in [
            ("authorization_code", "authorization_code"),
            ("refresh_token", "refresh_token"),
            ("client_credentials", "client_credentials"),
            ("device_code", "urn:ietf:params:oauth:grant-type:device_code"),
            ("token_exchange", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ] {
            assert_eq!(grant(text).as_deref(), Ok(name));
            assert_eq!(grant(name).as_deref(), Ok(name));
        }
        for wrong in ["password", "implicit", "", "token-exchange", "Refresh_Token"] {
            assert!(
                grant(wrong).is_err_and(|message| message.contains("token_exchange")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_file_of_keys_is_json_and_not_quoted() {
        assert_eq!(read(&b"{\"keys\":[]}"[..], "x").unwrap()["keys"], serde_json::json!([]));
        let wrong = read(&b"-----BEGIN PRIVATE KEY-----"[..], "x");
        assert!(wrong.is_err_and(|failure| !format!("{failure:?}").contains("BEGIN")));
        assert!(read(" ".repeat(70_000).as_bytes(), "x").is_err());
    }
}
