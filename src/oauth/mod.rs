//! The protocol: OAuth 2.1 and OpenID Connect, from what a client sends to what it gets.
//!
//! Owns the token pipeline and its grants, the authorization endpoint, issuing, introspection,
//! revocation, logout and metadata. Must not know HTTP, and shows no page.

pub mod access_token;
mod assertion;
pub mod authorize;
pub mod backchannel;
pub mod client_auth;
pub mod device;
pub mod dpop;
pub mod end_session;
pub mod flow;
pub mod grants;
pub mod hint;
pub mod introspect;
pub mod issue;
mod limits;
pub mod metadata;
pub mod narrow;
pub mod once;
pub mod params;
pub mod pushed;
pub mod refresh;
pub mod revoke;
pub mod token;
pub mod userinfo;
