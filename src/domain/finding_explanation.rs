//! Explains a finding about a client, with the command that fixes it for the current registration.
//!
//! Unauthenticated callers can cause findings, so their texts are untrusted: every argument of a command is quoted
//! for a shell, and the explanation warns when a command would register a name that is only known from a request.

use super::api::Api;
use super::client::{AuthMethod, Client, ClientType};
use super::client_finding::{FindingCode, FindingKey};
use super::permission::is_admin_scope;
use super::redirect;
use super::scope;
use super::shell_word;
use super::workload::token::TokenFlaw;
use super::{oidc, outcome::quotable};

/// A sentence about a finding, and the command or change that fixes it, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The problem.
    pub message: String,
    /// The fix: a command that can be pasted into a shell, or a sentence.
    pub fix: Option<String>,
}

impl Explanation {
    fn new(message: String, fix: impl Into<Option<String>>) -> Self {
        Self { message, fix: fix.into() }
    }
}

/// The data for an explanation.
struct Explained<'a> {
    detail: &'a str,
    code: &'a str,
    client: &'a Client,
    apis: &'a [&'a Api],
}

/// Explains a finding for the current registration of `client`; `apis` are the registered APIs.
#[must_use]
pub fn explain(key: &FindingKey, client: &Client, apis: &[&Api]) -> Explanation {
    let of = Explained { detail: &key.detail, code: &key.code, client, apis };
    match key.code.parse::<FindingCode>() {
        Ok(FindingCode::ScopeUnknown | FindingCode::ScopeNotGranted) if key.detail.is_empty() => {
            Explanation::new(
                "Further scopes were left out of requests.".to_owned(),
                "Remove scopes that the client does not need from its configuration.".to_owned(),
            )
        }
        Ok(FindingCode::ScopeUnknown | FindingCode::ScopeNotGranted) => of.scope("was left out"),
        Ok(FindingCode::RedirectUri) => of.redirect_uri(),
        Ok(FindingCode::WrongSecret) => Explanation::new(
            "The client sent a secret that is not one of its own. Configure the secret that was issued to it; if \
             that is lost, create a new one."
                .to_owned(),
            of.command("rotate-secret"),
        ),
        Ok(FindingCode::WrongMethod) => of.method(),
        Ok(FindingCode::AssertionRefused) => Explanation::new(
            "An assertion (private_key_jwt) did not authenticate the client: it is signed with another \
             key, is expired or used, or names another audience. If the client has a new key, register it."
                .to_owned(),
            of.update(" --jwks-file FILE"),
        ),
        Ok(FindingCode::WorkloadRefused) => of.workload(),
        Ok(FindingCode::UnauthorizedClient) => of.grant(),
        Ok(FindingCode::InvalidScope) if is_word(&key.detail) => {
            of.scope("was requested, and the whole request was refused")
        }
        Ok(FindingCode::InvalidTarget) if is_word(&key.detail) => of.target(),
        Ok(FindingCode::InvalidScope | FindingCode::InvalidTarget | FindingCode::InvalidGrant)
        | Err(_) => Explanation::new(of.sentence(), None),
    }
}

/// Whether a detail is a name from a request rather than a fixed sentence.
fn is_word(detail: &str) -> bool {
    !detail.is_empty() && detail.bytes().all(|b| b.is_ascii_graphic())
}

/// An option for each of `known` and for `new`, each after a space.
fn options<'a>(
    option: &str,
    known: impl IntoIterator<Item = &'a str>,
    new: Option<&'a str>,
) -> String {
    known.into_iter().chain(new).map(|word| shell_word::option(option, word)).collect()
}

impl Explained<'_> {
    fn command(&self, verb: &str) -> String {
        shell_word::command(&format!("signet client {verb}"), &self.client.client_id, "")
    }

    /// The command that updates the client. `options` begin with a space.
    fn update(&self, options: &str) -> String {
        shell_word::command("signet client update", &self.client.client_id, options)
    }

    /// The error description that the client received.
    fn sentence(&self) -> String {
        if self.detail.is_empty() {
            return format!("Further requests were refused with {}.", self.code);
        }
        format!("A request was refused with {}: {}", self.code, self.detail)
    }

    fn redirect_uri(&self) -> Explanation {
        let compared = "Redirect URIs are compared character by character.";
        let uri = self.detail;
        if !uri.contains(':') {
            let message = format!(
                "A request named a redirect_uri that is not registered for the client. {compared}"
            );
            return Explanation::new(message, None);
        }
        let named = format!(
            "A request named the redirect_uri \"{}\", which is not registered for the client. {compared}",
            quotable(uri)
        );
        let metadata = &self.client.metadata;
        if uri.ends_with('?') {
            return Explanation::new(
                format!("{named} This one had a query, which is not shown."),
                "The application sends a registered URI without a query, and the values that it needs back as state."
                    .to_owned(),
            );
        }
        if let Err(error) = redirect::check(uri, metadata.client_type) {
            return Explanation::new(
                format!("{named} It cannot be registered: {}", error.message()),
                "The application sends a redirect_uri that can be registered.".to_owned(),
            );
        }
        let known = metadata.redirect_uris.iter().map(String::as_str);
        if metadata.redirect_uris.iter().any(|known| known == uri) {
            return Explanation::new(format!("{named} It has been registered since."), None);
        }
        Explanation::new(
            format!(
                "{named} Any caller can send such a request: register the URI only if it is the \
                 application's own."
            ),
            self.update(&options("--redirect-uri", known, Some(uri))),
        )
    }

    fn method(&self) -> Explanation {
        let registered = self.client.metadata.auth_method;
        let Ok(sent) = self.detail.parse::<AuthMethod>() else {
            let message = "The client authenticated by a method that it is not registered for.";
            return Explanation::new(message.to_owned(), None);
        };
        match (sent, registered) {
            (AuthMethod::None, AuthMethod::PrivateKeyJwt) => Explanation::new(
                "The client sent its client_id and no assertion. It is registered for private_key_jwt."
                    .to_owned(),
                None,
            ),
            (AuthMethod::None, _) => Explanation::new(
                "The client sent its client_id and no secret. Configure the secret that was issued to it; if that is \
                 lost, create a new one."
                    .to_owned(),
                self.command("rotate-secret"),
            ),
            (_, AuthMethod::None) => Explanation::new(
                format!("The client sent a credential ({sent}) and is registered as a public client."),
                "Remove the secret from the configuration of the client.".to_owned(),
            ),
            _ => {
                let file = if sent == AuthMethod::PrivateKeyJwt { " --jwks-file FILE" } else { "" };
                Explanation::new(
                    format!(
                        "The client authenticated with {sent} and is registered for {registered}. \
                         Configure it for {registered}, or register what it sends."
                    ),
                    self.update(&format!(" --auth-method {sent}{file}")),
                )
            }
        }
    }

    /// A refused workload token. The detail contains the name of the issuer and the cause: a flaw of the token, or the
    /// first claim that differs.
    fn workload(&self) -> Explanation {
        let (issuer, said) = self.detail.split_once(": ").unwrap_or(("?", self.detail));
        let issuer = quotable(issuer);
        if let Some((claim, found)) = said.split_once('=') {
            let (claim, found) = (quotable(claim), quotable(found));
            let found = if found.is_empty() {
                "is not there".to_owned()
            } else {
                format!("is \"{found}\"")
            };
            return Explanation::new(
                format!(
                    "A workload of {issuer} presented a genuine token that no rule of the client matches: {claim} {found}. \
                     Change the rules only if the workload is meant."
                ),
                self.command("show"),
            );
        }
        let why = match said.parse::<TokenFlaw>() {
            Ok(TokenFlaw::UnknownIssuer) => {
                "no trusted issuer has the iss of the token. See signet trust list"
            }
            Ok(TokenFlaw::Audience) => "aud of the token is not exactly the issuer of this server",
            Ok(TokenFlaw::Expired) => "the token has expired",
            Ok(TokenFlaw::NotYet) => "the token is not valid yet: compare the clocks",
            Ok(TokenFlaw::Times) => "iat or exp of the token is missing",
            Ok(TokenFlaw::TooLong) => {
                "the token lives longer than tokens of the issuer may (signet trust show)"
            }
            Ok(TokenFlaw::NoId) => "the token has no jti, and tokens of the issuer count once",
            Ok(TokenFlaw::Replayed) => {
                "the token was presented before, and tokens of the issuer count once"
            }
            Ok(TokenFlaw::NoKeys) => {
                "the keys of the issuer could not be fetched. The log of the server says why"
            }
            Ok(TokenFlaw::Signature) => "no key of the issuer made the signature",
            Ok(TokenFlaw::Algorithm) => "the issuer may not sign with the algorithm of the token",
            Ok(TokenFlaw::Type) => "typ of the token is that of another kind of token",
            Ok(TokenFlaw::Malformed) => "the assertion is not a signed token of a supported type",
            Err(_) if said == "ambiguous" => "the rules of another client match the same token",
            Err(_) if said == "no_rule" => "the client has no rule for the issuer",
            Err(_) => "further tokens of workloads were refused",
        };
        Explanation::new(format!("A workload ({issuer}) was refused: {why}."), None)
    }

    fn grant(&self) -> Explanation {
        if !is_word(self.detail) {
            return Explanation::new(self.sentence(), None);
        }
        let known = self.client.metadata.grant_types.iter().map(String::as_str);
        Explanation::new(
            format!(
                "A request used the grant {}, for which the client is not registered.",
                quotable(self.detail)
            ),
            self.update(&options("--grant", known, Some(self.detail))),
        )
    }

    fn target(&self) -> Explanation {
        let named = quotable(self.detail);
        let metadata = &self.client.metadata;
        if !self.apis.iter().any(|api| api.identifier == self.detail) {
            return Explanation::new(
                format!(
                    "A request named \"{named}\" as resource or audience, and no API has this identifier."
                ),
                "signet api list".to_owned(),
            );
        }
        if self.client.may_target_api(self.detail) {
            let message = format!(
                "A request named the API \"{named}\". The client may now get tokens for it."
            );
            return Explanation::new(message, None);
        }
        let known = metadata.audiences.iter().map(String::as_str);
        Explanation::new(
            format!(
                "A request named the API \"{named}\", but the client may not get tokens for that API."
            ),
            self.update(&options("--audience", known, Some(self.detail))),
        )
    }

    /// A scope that the client was not granted; `outcome` describes the result of the request.
    fn scope(&self, outcome: &str) -> Explanation {
        let metadata = &self.client.metadata;
        let name = self.detail;
        let did_not_get = format!("The scope \"{}\" {outcome}", quotable(name));
        let offering: Vec<&Api> =
            self.apis.iter().copied().filter(|api| api.scopes.contains(name)).collect();
        let own = offering.iter().any(|api| self.client.may_target_api(&api.identifier));
        let remove = || "Remove it from the configuration of the client.".to_owned();
        if is_admin_scope(name) {
            return self.admin_scope(&did_not_get);
        }
        if scope::is_reserved(name) {
            let message =
                format!("{did_not_get}: scopes that begin with signet: are Signet's own.");
            return Explanation::new(message, remove());
        }
        if oidc::is_unsupported(name) {
            let message = format!("{did_not_get}: this server has no claims for it.");
            return Explanation::new(message, remove());
        }
        if offering.is_empty() && !oidc::is_scope(name) {
            return self.unknown_scope(&did_not_get);
        }
        if let (Some(scopes), false) = (&metadata.scopes, self.client.may_request_scope(name)) {
            return Explanation::new(
                format!("{did_not_get}: the client is registered for other scopes."),
                self.update(&options("--scope", scopes.iter(), Some(name))),
            );
        }
        let Some(api) = offering.first() else {
            let message = format!("{did_not_get}. The client may request it by now.");
            return Explanation::new(message, self.command("show"));
        };
        if own {
            return Explanation::new(
                format!(
                    "{did_not_get}: the API {} offers it, but the request was for another API or for none.",
                    api.identifier
                ),
                format!("The client sends resource={} with such requests.", api.identifier),
            );
        }
        let known = metadata.audiences.iter().map(String::as_str);
        Explanation::new(
            format!(
                "{did_not_get}: the API {} offers it, but the client may not get tokens for that API.",
                api.identifier
            ),
            self.update(&options("--audience", known, Some(&api.identifier))),
        )
    }

    /// An administration scope, which clients get only for themselves and not together with other scopes.
    fn admin_scope(&self, did_not_get: &str) -> Explanation {
        let metadata = &self.client.metadata;
        if metadata.client_type != ClientType::Service {
            return Explanation::new(
                format!(
                    "{did_not_get}: scopes that begin with signet: are Signet's own, for service clients that \
                     administer and for users who request them at /v1/login."
                ),
                "Remove it from the configuration of the client.".to_owned(),
            );
        }
        if metadata.admin_scopes.contains(self.detail) {
            return Explanation::new(
                format!(
                    "{did_not_get}: the client has it, but the request was also for an API, or for a user."
                ),
                "The client requests its signet: scopes alone, with grant_type=client_credentials and no other \
                 resource."
                    .to_owned(),
            );
        }
        Explanation::new(
            format!("{did_not_get}: it grants administration, and the client does not have it."),
            self.update(&options("--admin-scope", metadata.admin_scopes.iter(), Some(self.detail))),
        )
    }

    /// A scope that no API offers, with the command that adds it if the API is clear.
    fn unknown_scope(&self, did_not_get: &str) -> Explanation {
        let message = format!("{did_not_get}: no API offers it.");
        let own = |api: &&&Api| self.client.metadata.audiences.contains(&api.identifier);
        let own: Vec<&&Api> = self.apis.iter().filter(own).collect();
        let [api] = own.as_slice() else {
            return Explanation::new(
                message,
                "Remove it from the configuration of the client.".to_owned(),
            );
        };
        Explanation::new(
            format!(
                "{message} Remove it from the configuration of the client; or, if the API should have such a scope, \
                 add it to the API."
            ),
            shell_word::command(
                "signet api set",
                &api.identifier,
                &options("--scope", api.scopes.iter(), Some(self.detail)),
            ),
        )
    }
}

#[cfg(test)]
#[path = "finding_explanation_tests.rs"]
mod tests;
