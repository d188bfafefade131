//! The parsed request of a gateway.
//!
//! Owns which parts the operator has configured. Their names are checked strictly: an ignored requirement could
//! admit requests that must be refused.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use ipnet::IpNet;
use uuid::Uuid;

use crate::domain::forward_auth::Requirement;
use crate::domain::outcome::{Code, Refusal, quotable};
use crate::domain::path_spelling::{self, percent_decoded};
use crate::domain::scope::Scopes;
use crate::oauth::forward_auth::{Presented, Proof};

/// The most roles that an operator may name.
const MAX_ROLES: usize = 16;

/// What the operator has configured.
pub(super) struct Question {
    /// The API.
    pub api: ApiName,
    /// The required scopes and roles.
    pub requirement: Requirement,
}

/// How the operator named the API.
pub(super) enum ApiName {
    /// By its identifier.
    Identifier(String),
    /// By the id of its row.
    Id(Uuid),
}

impl Question {
    /// Reads a query.
    ///
    /// # Errors
    /// A sentence that names the parameter.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        let (mut audience, mut scope, mut roles) = (None, None, Vec::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let single = match &*name {
                "audience" => &mut audience,
                "scope" => &mut scope,
                "role" => {
                    roles.push(value.into_owned());
                    continue;
                }
                other => {
                    let name = quotable(other);
                    return Err(format!(
                        "Unknown parameter \"{name}\". Accepted are: audience, scope, role."
                    ));
                }
            };
            if single.replace(value.into_owned()).is_some() {
                return Err(format!("The parameter {name} was sent more than once. Send it once."));
            }
        }
        let audience = audience.filter(|audience| !audience.is_empty());
        let audience = audience.ok_or(
            "The parameter audience is missing: name the API, as in \
             /v1/forward-auth?audience=https://api.example.com.",
        )?;
        if roles.len() > MAX_ROLES || roles.iter().any(String::is_empty) {
            return Err(format!("role must be the name of a role, at most {MAX_ROLES} times."));
        }
        if scope.as_deref().is_some_and(|scope: &str| scope.trim().is_empty()) {
            return Err("The parameter scope is empty. Name a scope, or leave it out.".to_owned());
        }
        let scopes = scopes(
            &scope.unwrap_or_default(),
            "scope must be a list of scopes, separated by spaces.",
        )?;
        Ok(Self { api: ApiName::Identifier(audience), requirement: Requirement { scopes, roles } })
    }

    /// Reads `/v1/ext-authz/{api_id}/{scopes}` and the rest, as it was requested.
    ///
    /// # Errors
    /// An error message that names the segment.
    pub(super) fn of_path(path: &str) -> Result<Self, String> {
        let mut segments = path.split('/').skip(3);
        let (id, list) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let id = Uuid::try_parse(id).ok().filter(|found| found.hyphenated().to_string() == id);
        let id =
            id.ok_or("The first segment after /v1/ext-authz must be the id of an API, a UUID.")?;
        let list = percent_decoded(list).unwrap_or_default();
        let message = "The second segment after /v1/ext-authz must be a list of scopes, separated by commas, or - \
                       for none.";
        let scopes = match &*list {
            "-" => Scopes::default(),
            list if list.split(',').any(str::is_empty) => return Err(message.to_owned()),
            list => scopes(&list.replace(',', " "), message)?,
        };
        Ok(Self { api: ApiName::Id(id), requirement: Requirement { scopes, roles: Vec::new() } })
    }
}

fn scopes(text: &str, message: &str) -> Result<Scopes, String> {
    Scopes::parse(text).map_err(|_| message.to_owned())
}

/// The token of the request. `None` if there is none that this server could have issued.
///
/// # Errors
/// When the request has several `Authorization` headers: gateway and service could read different ones.
pub(super) fn presented(
    request: &HttpRequest,
    address: Option<IpAddr>,
    trusted: &[IpNet],
) -> Result<Option<Presented>, Refusal> {
    let headers = request.headers();
    let mut sent = headers.get_all(header::AUTHORIZATION);
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        let message = "The request has more than one Authorization header. Send one.";
        return Err(Refusal::new(Code::MalformedRequest, message));
    }
    let value = value.to_str().unwrap_or_default();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim_matches(' ').to_owned();
    let as_bound = scheme.eq_ignore_ascii_case("dpop");
    if token.is_empty() || !as_bound && !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let is_trusted = |peer: IpAddr| trusted.iter().any(|network| network.contains(&peer));
    let proof = if peer.is_some_and(is_trusted) { proof(headers) } else { None };
    Ok(Some(Presented { token, as_bound, address, proof }))
}

/// The DPoP proof, and the request that it was created for, as forwarded by the gateway.
fn proof(headers: &HeaderMap) -> Option<Proof> {
    let one = |name: &str| {
        let mut values = headers.get_all(name);
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    };
    let scheme = one("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let (host, uri) = (one("x-forwarded-host")?, one("x-forwarded-uri")?);
    let is_plain = !host.is_empty() && !host.contains(['/', '@', '?', '#', ',', ' ']);
    // A service could resolve a path that leaves another one than the proof was compared with.
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let is_unambiguous = path_spelling::check_free_rest(path).is_ok();
    (is_plain && is_unambiguous && uri.starts_with('/')).then_some(())?;
    Some(Proof {
        proof: one("dpop")?.to_owned(),
        method: one("x-forwarded-method")?.to_owned(),
        uri: format!("{scheme}://{host}{uri}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_api_and_what_else_is_needed() {
        let asked =
            Question::of_query("audience=https%3A%2F%2Fa&scope=r+w&role=x&role=y").ok().unwrap();
        assert!(matches!(&asked.api, ApiName::Identifier(named) if named == "https://a"));
        assert_eq!(asked.requirement.scopes.to_string(), "r w");
        assert_eq!(asked.requirement.roles, ["x", "y"]);
        for (query, part) in [
            ("", "audience is missing"),
            ("audience=", "audience is missing"),
            ("scope=r", "audience is missing"),
            ("audience=a&audience=a", "audience was sent more than once"),
            ("audience=a&scope=r&scope=r", "scope was sent more than once"),
            ("audience=a&scpoe=r", "Unknown parameter \"scpoe\""),
            ("audience=a&access_token=x", "Unknown parameter \"access_token\""),
            ("audience=a&scope=r%22", "scope must be a list"),
            ("audience=a&scope=", "scope is empty"),
            ("audience=a&scope=%20", "scope is empty"),
            ("audience=a&role=", "role must be the name"),
        ] {
            let message = Question::of_query(query).err().unwrap();
            assert!(message.contains(part), "{query}: {message}");
        }
    }

    #[test]
    fn a_path_names_an_api_by_its_id_and_ignores_the_rest() {
        const ID: &str = "0198c0de-0000-7000-8000-000000000001";
        let scopes = |path: &str| {
            let asked = Question::of_path(&format!("/v1/ext-authz/{path}"));
            asked.map(|asked| asked.requirement.scopes.to_string())
        };
        for (path, found) in [
            (format!("{ID}/-"), ""),
            (format!("{ID}/-/orders/7"), ""),
            (format!("{ID}/r,w:x/%61//b"), "r w:x"),
            (format!("{ID}/https%3A%2F%2Fa%2Fr,a+b"), "https://a/r a+b"),
        ] {
            assert_eq!(scopes(&path).as_deref(), Ok(found), "{path}");
        }
        let upper = ID.to_uppercase();
        for path in [
            "x/-".to_owned(),
            format!("{upper}/-"),
            format!("{{{ID}}}/-"),
            ID.replace('-', "") + "/-",
            format!("{ID}/"),
            format!("{ID}//r"),
            format!("{ID}/,/r"),
            format!("{ID}/r,,w/r"),
            format!("{ID}/r%22"),
        ] {
            assert!(scopes(&path).is_err(), "{path}");
        }
    }
}
