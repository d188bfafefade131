//! Granting: from requested scopes to the scopes of a token.
//!
//! Owns the decision, and [`GrantedScopes`], which only this module creates. Scopes are defined in `scope`, the
//! scopes of an API in `api`.

use super::api::Target;
use super::client::Client;
use super::oidc;
use super::outcome::quotable;
use super::permission;
use super::scope::{self, RequestedScopes, Scopes};
use super::user::Role;

/// The most scopes that are granted at once: as many as [`Scopes::parse`] accepts.
const MAX_GRANTED: usize = 64;

/// Scopes that were checked against those of the target and the rights of the user.
///
/// Only this module creates one, so that no token can be issued with scopes that were merely requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedScopes(Scopes);

impl GrantedScopes {
    /// The granted set.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.0
    }
}

/// Whether every requested scope exists at `target`: the part that does not depend on the user.
#[must_use]
pub fn offered(target: &Target, asked: &Scopes) -> bool {
    asked.iter().all(|scope| target.offers(scope))
}

/// The part of `scopes` that a registered client may request. The issuer's own scopes are excluded: users get
/// them only through the built-in client.
#[must_use]
pub fn within_client(client: &Client, scopes: &Scopes) -> Scopes {
    scopes.only(|scope| client.may_request_scope(scope) && !scope::is_reserved(scope))
}

/// Why a request for scopes is refused, with these scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeError {
    /// A scope that does not exist at the target.
    Unknown(String),
    /// A scope that exists but is not allowed for this client.
    NotAllowed(String),
    /// A scope of the issuer itself, which clients cannot request for a user.
    Reserved(String),
    /// Scopes were requested and all of them were dropped.
    NothingLeft(RequestedScopes),
    /// Too many scopes.
    TooMany,
}

impl ScopeError {
    /// The scopes that caused the refusal.
    #[must_use]
    pub fn scopes(&self) -> Vec<String> {
        match self {
            Self::Unknown(scope) | Self::NotAllowed(scope) | Self::Reserved(scope) => {
                vec![scope.clone()]
            }
            Self::NothingLeft(scopes) => scopes.iter().map(str::to_owned).collect(),
            Self::TooMany => Vec::new(),
        }
    }

    /// The message. The scopes are quoted: they are well-formed scope tokens (RFC 6749 §3.3), and their length is
    /// bounded.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Unknown(scope) => {
                format!("The scope {} does not exist at this API.", quotable(scope))
            }
            Self::NotAllowed(scope) => {
                format!("The client may not request the scope {}.", quotable(scope))
            }
            Self::Reserved(scope) => format!(
                "The scope {} is not for clients of /oauth2: scopes that begin with signet: are Signet's own. A \
                 service client with administration scopes requests them alone, and for the issuer itself.",
                quotable(scope)
            ),
            Self::NothingLeft(scopes) => format!(
                "None of the requested scopes exists at this API and is allowed for this client: {}",
                quotable(scopes.as_str())
            ),
            Self::TooMany => "More than 64 scopes would be granted. Request fewer.".to_owned(),
        }
    }
}

/// The result of a request for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableScopes {
    /// The granted scopes.
    pub granted: GrantedScopes,
    /// The dropped scopes: unknown ones, and those that the client is not allowed.
    pub dropped: RequestedScopes,
}

/// Whether a user can grant this scope at `target` to `client`.
///
/// Unsupported standard scopes are never available, even if an API has a scope of that name: libraries request
/// `phone` without meaning an API.
#[must_use]
pub fn is_available(target: &Target, client: &Client, scope: &str) -> bool {
    let exists = oidc::is_scope(scope)
        || (!scope::is_reserved(scope) && !oidc::is_unsupported(scope) && target.offers(scope));
    exists && client.may_request_scope(scope)
}

/// Grants a client the available ones of the scopes it requests for a user at `target`, and drops the rest
/// (OpenID Connect Core §3.1.2.1), because libraries add standard scopes on their own.
///
/// # Errors
/// When a scope of the issuer is requested, no scope is left, or there are too many.
pub fn grant_available(
    target: &Target,
    client: &Client,
    requested: &RequestedScopes,
) -> Result<AvailableScopes, ScopeError> {
    if let Some(reserved) = requested.iter().find(|scope| scope::is_reserved(scope)) {
        return Err(ScopeError::Reserved(reserved.to_owned()));
    }
    let is_available = |scope: &str| is_available(target, client, scope);
    let granted = requested.only(is_available);
    if granted.is_empty() && !requested.is_empty() {
        return Err(ScopeError::NothingLeft(requested.clone()));
    }
    if granted.iter().count() > MAX_GRANTED {
        return Err(ScopeError::TooMany);
    }
    let dropped = requested.only(|scope| !is_available(scope));
    let granted = GrantedScopes(Scopes::default().with(granted.iter()));
    Ok(AvailableScopes { granted, dropped })
}

/// Grants a client that acts for itself all requested scopes at `target`, or none (RFC 6749 §5.2).
///
/// # Errors
/// The first scope that does not exist or is not allowed for this client.
pub fn grant_client(
    target: &Target,
    client: &Client,
    requested: &Scopes,
) -> Result<GrantedScopes, ScopeError> {
    for scope in requested.iter() {
        if scope::is_reserved(scope) {
            return Err(ScopeError::Reserved(scope.to_owned()));
        }
        if !target.offers(scope) {
            return Err(ScopeError::Unknown(scope.to_owned()));
        }
        if !client.may_request_scope(scope) {
            return Err(ScopeError::NotAllowed(scope.to_owned()));
        }
    }
    Ok(GrantedScopes(requested.clone()))
}

/// Grants a service client the administration scopes that it requests at the issuer itself: all of them, or none.
///
/// # Errors
/// The first scope that is not an administration scope or not allowed for this client.
pub fn grant_administration(
    client: &Client,
    requested: &Scopes,
) -> Result<GrantedScopes, ScopeError> {
    for scope in requested.iter() {
        if !Target::Issuer.offers(scope) {
            return Err(ScopeError::Unknown(scope.to_owned()));
        }
        if !client.metadata.admin_scopes.contains(scope) {
            return Err(ScopeError::NotAllowed(scope.to_owned()));
        }
    }
    Ok(GrantedScopes(requested.clone()))
}

/// A subset of scopes that were granted before; the caller ensures that `asked` is one.
#[must_use]
pub fn subset(target: &Target, asked: Scopes) -> GrantedScopes {
    GrantedScopes(remaining(target, &asked))
}

/// The scopes that remain of those granted at log-in, given the current scopes of `target`.
///
/// Never more than was granted (RFC 6749 §6), and none that the API no longer has. A scope that the API gets
/// back is in the tokens again from the next refresh on, because the grant itself was not withdrawn.
#[must_use]
pub fn remaining(target: &Target, granted: &Scopes) -> Scopes {
    granted.only(|scope| oidc::is_scope(scope) || target.offers(scope))
}

/// Grants all requested scopes, or none.
///
/// A scope that does not exist at the target, or that this user may not have, refuses the whole request (RFC 6749
/// §5.2 `invalid_scope`), so that the client learns of it here and not at the API.
#[must_use]
pub fn grant(target: &Target, asked: Scopes, role: Role) -> Option<GrantedScopes> {
    let allowed = offered(target, &asked) && permission::may_hold_all(role, &asked);
    allowed.then_some(GrantedScopes(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::domain::api::Api;
    use crate::domain::client::{ClientMetadata, ClientType};
    use crate::domain::permission::AdminScope;

    const ADMIN: &str = AdminScope::Admin.as_str();

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn admin_needs_the_role_and_the_issuer() {
        let api = Target::Api(Api::new("https://api.example.com", scopes("orders:read")).unwrap());
        assert!(grant(&Target::Issuer, scopes(ADMIN), Role::Admin).is_some());
        assert!(grant(&Target::Issuer, scopes(ADMIN), Role::User).is_none());
        assert!(grant(&api, scopes(ADMIN), Role::Admin).is_none());
        assert!(grant(&api, scopes("orders:read"), Role::User).is_some());
        assert!(grant(&api, scopes("orders:write"), Role::Admin).is_none());
        assert!(grant(&Target::Issuer, scopes("orders:read"), Role::Admin).is_none());
    }

    fn requested(text: &str) -> RequestedScopes {
        RequestedScopes::parse(text).unwrap()
    }

    fn client(scopes_allowed: Option<&str>) -> Client {
        let mut metadata = ClientMetadata::new("App".to_owned(), ClientType::Web, &[]);
        metadata.scopes = scopes_allowed.map(scopes);
        Client::new("app".to_owned(), metadata, Timestamp::from_secs(1))
    }

    #[test]
    fn unavailable_scopes_are_dropped_and_never_granted() {
        let api = Api::new("https://api.example.com", scopes("read phone")).unwrap();
        let api = Target::Api(api);
        let long = "x".repeat(200);
        for (text, allowed, granted, dropped) in [
            ("openid read", None, "openid read", ""),
            ("openid read phone nothing", None, "openid read", "phone nothing"),
            ("openid read", Some("openid"), "openid", "read"),
            ("openid OPENID Read", None, "openid", "OPENID Read"),
            (&*format!("openid {long}"), None, "openid", &*long),
            ("", None, "", ""),
        ] {
            let available = grant_available(&api, &client(allowed), &requested(text)).unwrap();
            assert_eq!(*available.granted.scopes(), scopes(granted), "{text}");
            assert_eq!(available.dropped, requested(dropped), "{text}");
        }
    }

    #[test]
    fn nothing_left_and_scopes_of_the_issuer_are_errors() {
        let api = Target::Api(Api::new("https://api.example.com", scopes("read")).unwrap());
        for target in [&api, &Target::Issuer] {
            for (text, error) in [
                ("signet:admin", ScopeError::Reserved("signet:admin".to_owned())),
                ("openid signet:admin", ScopeError::Reserved("signet:admin".to_owned())),
                ("openid signet:nothing", ScopeError::Reserved("signet:nothing".to_owned())),
                ("phone", ScopeError::NothingLeft(requested("phone"))),
                ("nothing:like:it", ScopeError::NothingLeft(requested("nothing:like:it"))),
            ] {
                let outcome = grant_available(target, &client(None), &requested(text));
                assert_eq!(outcome, Err(error), "{text}");
            }
            let barred = grant_available(target, &client(Some("read")), &requested("openid"));
            assert_eq!(barred, Err(ScopeError::NothingLeft(requested("openid"))));
        }
        let names: Vec<String> = (0..64).map(|n| format!("s{n}")).collect();
        let all = names.join(" ");
        let large = Target::Api(Api::new("https://api.example.com", scopes(&all)).unwrap());
        let outcome = |text: &str| grant_available(&large, &client(None), &requested(text));
        assert!(outcome(&all).is_ok());
        assert_eq!(outcome(&format!("openid {all}")), Err(ScopeError::TooMany));
    }

    #[test]
    fn a_client_that_speaks_for_itself_gets_all_or_nothing() {
        let api = Target::Api(Api::new("https://api.example.com", scopes("read write")).unwrap());
        let outcome = |text, allowed| grant_client(&api, &client(allowed), &scopes(text));
        assert_eq!(outcome("read", None), Ok(GrantedScopes(scopes("read"))));
        for (text, allowed, error) in [
            ("read nothing", None, ScopeError::Unknown("nothing".to_owned())),
            ("read phone", None, ScopeError::Unknown("phone".to_owned())),
            ("read write", Some("read"), ScopeError::NotAllowed("write".to_owned())),
            ("read signet:admin", None, ScopeError::Reserved("signet:admin".to_owned())),
        ] {
            assert_eq!(outcome(text, allowed), Err(error), "{text}");
        }
        let issuer = grant_client(&Target::Issuer, &client(None), &scopes(ADMIN));
        assert_eq!(issuer, Err(ScopeError::Reserved(ADMIN.to_owned())));
    }

    #[test]
    fn a_message_names_the_scopes_and_is_bounded() {
        let long = requested(&format!("{} x", "x".repeat(4_000)));
        for error in [
            ScopeError::Unknown("orders:read".to_owned()),
            ScopeError::NotAllowed("orders:read".to_owned()),
            ScopeError::Reserved("orders:read".to_owned()),
            ScopeError::NothingLeft(requested("orders:read b")),
        ] {
            assert!(error.message().contains("orders:read"), "{error:?}");
        }
        assert!(ScopeError::NothingLeft(long).message().len() < 300);
    }

    #[test]
    fn withdrawn_scopes_go_and_none_are_added() {
        let api = Target::Api(Api::new("https://api.example.com", scopes("c b")).unwrap());
        assert_eq!(remaining(&api, &scopes("a b")), scopes("b"));
        assert_eq!(remaining(&api, &scopes("")), scopes(""));
        assert_eq!(remaining(&api, &scopes("b c")), scopes("b c"));
        assert_eq!(remaining(&Target::Issuer, &scopes(ADMIN)), scopes(ADMIN));
    }
}
