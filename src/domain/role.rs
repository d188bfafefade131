//! What a user may do at Signet itself; the roles of applications are among the `attributes`.

use crate::text_enum;

text_enum! {
    /// What a user may do at Signet itself.
    pub enum Role {
        /// Log in and manage oneself.
        User = "user",
        /// Also ask for the scope `signet:admin`.
        Admin = "admin",
    }
}
