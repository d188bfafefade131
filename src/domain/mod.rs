//! Decisions: pure, synchronous, told what time it is.
//!
//! Owns every rule of the product as a function or a type that can be tested without a server.
//! Must not do I/O, read a clock or a random source, or know how anything is stored or sent.

pub mod api;
pub mod attributes;
pub mod audit;
pub mod authorization;
pub mod base_path;
pub mod browser_session;
pub mod claims;
pub mod claims_request;
pub mod client;
pub mod client_checks;
pub mod client_jwks;
pub mod client_policy;
pub mod client_type;
pub mod clock_offset;
pub mod clock_skew;
pub mod color;
pub mod device_code;
pub mod fapi2;
pub mod grant;
pub mod grant_type;
pub mod http_uri;
pub mod identifier_namespace;
pub mod interaction;
pub mod key_rotation;
pub mod liveness;
pub mod login_name;
pub mod network;
pub mod oauth_error;
pub mod oidc;
pub mod outcome;
pub mod pagination;
pub mod password;
pub mod path_spelling;
pub mod pkce;
pub mod process_settings;
pub mod rate_limit;
pub mod redirect;
pub mod refresh;
pub mod request_info;
pub mod requested_scopes;
pub mod scope;
pub mod session;
pub mod signing_key;
pub mod terminal_text;
pub mod text;
pub mod token_bucket;
pub mod token_diagnosis;
pub mod token_rules;
pub mod user;
pub mod user_agent;
pub mod verifier_compat;
pub mod web_origin;
