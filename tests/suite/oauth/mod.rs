//! The provider from outside: OAuth 2.1 and OpenID Connect as clients and people meet them.

mod attacks;
mod authorize;
mod client_auth;
mod client_libraries;
mod codes;
mod cors;
mod device;
mod discovery;
mod dpop;
mod exchange;
mod form_post;
mod id_token_hint;
mod oidc;
mod statement_budget;
mod token;
mod tokens;
