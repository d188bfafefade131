//! The content of a client ID metadata document.
//!
//! Owns the validation of a document, which is accepted as a whole or refused. Only members that name the client,
//! its redirect URIs and its keys are read. All others are ignored: a document grants nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::domain::client::{AuthMethod, Client, ClientMetadata, ClientType};
use crate::domain::client_jwks::{self, CheckedKey, KeyError};
use crate::domain::redirect;
use crate::domain::user::is_display_name;

use super::redirects;
use super::{Allowance, DocumentUrl};

/// The most redirect URIs of one document.
const MAX_REDIRECTS: usize = 64;
/// The grants of every client that describes itself.
const GRANTS: &[&str] = &["authorization_code", "refresh_token"];
/// JWK members of private and shared keys. A key that is published with one is compromised.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The members of a document that Signet uses. Stored as one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentContent {
    /// The name that the client gives itself.
    pub name: String,
    /// The redirect URIs, in the order of the document.
    pub redirect_uris: Vec<String>,
    /// How it authenticates: `none` or `private_key_jwt`.
    pub auth_method: AuthMethod,
    /// Its public keys, if the document contains them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jwks: Vec<Value>,
    /// The address of its public keys, if the document does not contain them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
}

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentError {
    /// The document is not a JSON object.
    NoObject,
    /// `client_id` differs from the address of the document.
    ClientId,
    /// `client_name` is missing or cannot be shown.
    Name,
    /// `redirect_uris` is not a list of strings, or has too many elements.
    Redirects,
    /// None of the redirect URIs is allowed for this client.
    NoRedirect,
    /// The authentication method uses a secret, or is not supported.
    Method,
    /// The document publishes a client secret.
    Secret,
    /// The document publishes a private or shared key.
    PrivateKey,
    /// A client with `private_key_jwt` that has no keys, or both `jwks` and `jwks_uri`.
    Keys,
    /// `jwks_uri` is not an https URI.
    JwksUri,
    /// A key is not accepted.
    Jwks(KeyError),
}

impl DocumentError {
    /// The error text for the developers of the client.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoObject => "the document is not a JSON object",
            Self::ClientId => "client_id in the document is not the address it was fetched from",
            Self::Name => {
                "client_name is missing or is not a readable name of at most 128 characters"
            }
            Self::Redirects => "redirect_uris is not a list of 1 to 64 URIs",
            Self::NoRedirect => {
                "no redirect URI counts: they are https on the origin of the document, http on 127.0.0.1, [::1] or \
                 localhost, or have the reversed host as their scheme"
            }
            Self::Method => "token_endpoint_auth_method is not none or private_key_jwt",
            Self::Secret => "the document holds a client secret, which is public",
            Self::PrivateKey => "the document holds a private or shared key, which is public",
            Self::Keys => "a client with private_key_jwt has either jwks or jwks_uri",
            Self::JwksUri => "jwks_uri is not an https URI",
            Self::Jwks(error) => error.message(),
        }
    }
}

impl DocumentContent {
    /// Validates the document that was fetched from `client`.
    ///
    /// `check_key` reports whether a signature can be verified with a key; this layer has no crypto library.
    ///
    /// # Errors
    /// The first member that is invalid.
    pub fn read(
        document: &[u8],
        client: &DocumentUrl,
        allowance: Allowance,
        check_key: impl Fn(&Value) -> Result<CheckedKey, KeyError>,
    ) -> Result<Self, DocumentError> {
        let Ok(Value::Object(members)) = serde_json::from_slice(document) else {
            return Err(DocumentError::NoObject);
        };
        if text(&members, "client_id") != Some(client.as_str()) {
            return Err(DocumentError::ClientId);
        }
        if members.keys().any(|name| name.starts_with("client_secret")) {
            return Err(DocumentError::Secret);
        }
        let name = text(&members, "client_name").filter(|name| is_display_name(name));
        let name = name.ok_or(DocumentError::Name)?.to_owned();
        let redirect_uris = redirect_uris(&members, client, allowance)?;
        let auth_method = match members.get("token_endpoint_auth_method") {
            None => AuthMethod::None,
            Some(method) => match method.as_str().map(str::parse) {
                Some(Ok(method @ (AuthMethod::None | AuthMethod::PrivateKeyJwt))) => method,
                _ => return Err(DocumentError::Method),
            },
        };
        if members.get("jwks").is_some_and(has_private_key) {
            return Err(DocumentError::PrivateKey);
        }
        let mut content =
            Self { name, redirect_uris, auth_method, jwks: Vec::new(), jwks_uri: None };
        if auth_method == AuthMethod::PrivateKeyJwt {
            match (members.get("jwks"), members.get("jwks_uri")) {
                (Some(jwks), None) => content.set_keys(jwks, check_key)?,
                (None, Some(uri)) => content.jwks_uri = Some(jwks_uri(uri)?),
                _ => return Err(DocumentError::Keys),
            }
        }
        Ok(content)
    }

    /// Sets the keys that were fetched from `jwks_uri`, or that the document contains.
    ///
    /// # Errors
    /// If there are none, or one is not accepted.
    pub fn set_keys(
        &mut self,
        jwks: &Value,
        check_key: impl Fn(&Value) -> Result<CheckedKey, KeyError>,
    ) -> Result<(), DocumentError> {
        if has_private_key(jwks) {
            return Err(DocumentError::PrivateKey);
        }
        self.jwks = client_jwks::accept(jwks, check_key).map_err(DocumentError::Jwks)?;
        if self.jwks.is_empty() { Err(DocumentError::Keys) } else { Ok(()) }
    }

    /// A hash of everything that users consent to, independent of the order of members in the document. When it
    /// changes, consent is asked for again.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut redirects: Vec<&str> = self.redirect_uris.iter().map(String::as_str).collect();
        redirects.sort_unstable();
        redirects.dedup();
        let mut keys: Vec<String> = self.jwks.iter().map(ToString::to_string).collect();
        keys.sort_unstable();
        serde_json::json!([self.name, redirects, self.auth_method, keys]).to_string()
    }

    /// The client that the document describes. Its `audiences` and its grants come from the configuration,
    /// never from the document. `hash` is that of its [`fingerprint`](Self::fingerprint).
    #[must_use]
    pub fn client(&self, client_id: &str, hash: String, audiences: &[String]) -> Client {
        // A native application, because any redirect URI may be on the loopback interface with a port chosen
        // at run time (RFC 8252 §7.3).
        let of_type = ClientMetadata::new(self.name.clone(), ClientType::Native, &[]);
        let metadata = ClientMetadata {
            auth_method: self.auth_method,
            redirect_uris: self.redirect_uris.clone(),
            grant_types: GRANTS.iter().map(|&grant| grant.to_owned()).collect(),
            audiences: audiences.to_vec(),
            jwks: self.jwks.clone(),
            ..of_type
        };
        let client = Client::new(client_id.to_owned(), metadata, Timestamp::from_millis(0));
        Client { document: Some(hash), ..client }
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn redirect_uris(
    members: &Map<String, Value>,
    client: &DocumentUrl,
    allowance: Allowance,
) -> Result<Vec<String>, DocumentError> {
    let listed = members.get("redirect_uris").and_then(Value::as_array);
    let listed = listed.filter(|listed| (1..=MAX_REDIRECTS).contains(&listed.len()));
    let listed = listed.ok_or(DocumentError::Redirects)?;
    let uris: Option<Vec<&str>> = listed.iter().map(Value::as_str).collect();
    let uris = uris.ok_or(DocumentError::Redirects)?;
    let counting = uris.into_iter().filter(|uri| redirects::counts(uri, client, allowance));
    let counting: Vec<String> = counting.map(str::to_owned).collect();
    if counting.is_empty() { Err(DocumentError::NoRedirect) } else { Ok(counting) }
}

fn jwks_uri(uri: &Value) -> Result<String, DocumentError> {
    let uri = uri.as_str().filter(|uri| redirect::well_formed(uri) == Ok("https"));
    uri.map(str::to_owned).ok_or(DocumentError::JwksUri)
}

/// Whether a key set contains a private or shared key, whatever else its structure is.
fn has_private_key(jwks: &Value) -> bool {
    let keys = client_jwks::listed(jwks).unwrap_or_default();
    keys.iter().any(|key| PRIVATE.iter().any(|member| key.get(member).is_some()))
}
