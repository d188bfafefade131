//! OAuth 2.1 and OpenID Connect.
//!
//! Owns the token pipeline and its grants, the authorization endpoint, issuing, introspection, revocation, logout
//! and metadata. Must not depend on HTTP, and renders no pages.

mod auth_session;
pub mod authorize;
pub mod authorize_challenge;
mod challenge_steps;
mod client_assertion;
mod client_auth;
mod client_documents;
mod client_target;
mod code;
pub mod consent;
pub mod device;
pub mod dpop;
pub mod end_session;
mod findings;
pub mod forward_auth;
pub mod grant;
pub mod grants;
pub mod id_token_hint;
pub mod introspect;
mod key_exchange;
pub mod metadata;
pub mod page_step;
pub mod par;
pub mod params;
pub mod pending_request;
mod rate_limits;
mod repeated_request;
mod replay;
pub mod restart;
pub mod revoke;
pub mod scope_narrowing;
pub mod sealed_request;
mod security_profile;
mod target;
pub mod token;
mod token_response;
pub mod userinfo;
mod workload;
