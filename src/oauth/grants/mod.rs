//! The grants, one file each.
//!
//! Owns the list, which the token endpoint, discovery, the settings of clients and the labels of metrics use. A new
//! grant is a file and two lines here, its `mod` and its entry; its file defines which clients may use it.

mod authorization_code;
mod client_credentials;
mod device_code;
mod jwt_bearer;
mod refresh_token;
pub(super) mod token_exchange;

use crate::domain::grant_type::{self, GrantInfo};

use super::grant::{Grant, GrantVisitor};

macro_rules! grants {
    ($($grant:ty),+ $(,)?) => {
        /// The description of each grant.
        pub const ALL: &[GrantInfo] = &[$(<$grant as Grant>::INFO),+];

        /// Their names on the wire.
        pub const NAMES: &[&str] = &[$(<$grant as Grant>::INFO.name),+];

        /// Calls `visitor` with the type of the grant of this name; `None` when there is no such grant.
        pub(super) async fn visit<V: GrantVisitor>(name: &str, visitor: V) -> Option<V::Output> {
            $(if name == <$grant as Grant>::INFO.name {
                return Some(visitor.visit::<$grant>().await);
            })+
            None
        }
    };
}

grants! {
    authorization_code::AuthorizationCode,
    refresh_token::RefreshToken,
    client_credentials::ClientCredentials,
    device_code::DeviceCode,
    token_exchange::TokenExchange,
    jwt_bearer::JwtBearer,
}

/// The grant of the authorization endpoint.
pub const AUTHORIZATION_CODE: &str = authorization_code::AuthorizationCode::INFO.name;
/// The grant of devices without a keyboard.
pub const DEVICE_CODE: &str = device_code::DeviceCode::INFO.name;
/// The grant whose clients get refresh tokens.
pub const REFRESH_TOKEN: &str = refresh_token::RefreshToken::INFO.name;

/// A grant's name as a label of metrics, never a text from a client.
#[must_use]
pub fn label(name: &str) -> &'static str {
    grant_type::find(ALL, name).map_or("unknown", |grant| grant.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::ClientType;

    /// Registered clients depend on these values: a change here changes their rights.
    #[test]
    fn each_grant_says_which_clients_may_use_it() {
        let names = |which: fn(&&GrantInfo) -> bool| -> Vec<&str> {
            ALL.iter().filter(which).map(|grant| grant.name).collect()
        };
        let open = [AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE];
        assert_eq!(names(|grant| grant.public_clients), open);
        assert_eq!(names(|grant| grant.redirects_user), [AUTHORIZATION_CODE]);
        for client_type in [ClientType::Spa, ClientType::Web, ClientType::Native] {
            let expected = [AUTHORIZATION_CODE, REFRESH_TOKEN];
            assert_eq!(grant_type::defaults(ALL, client_type), expected);
        }
        assert_eq!(grant_type::defaults(ALL, ClientType::Service), ["client_credentials"]);
    }
}
