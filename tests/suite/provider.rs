//! The provider from outside: OAuth 2.1 and OpenID Connect as clients and people meet them.

mod browser;
mod statements;
