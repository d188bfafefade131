//! The kinds of clients there are.

use crate::text_enum;

text_enum! {
    /// What kind of application it is; decides what it starts with and what it may be given.
    pub enum ClientType {
        /// Runs in a browser and can keep no secret.
        Spa = "spa",
        /// Runs on a server and keeps a secret.
        Web = "web",
        /// Runs on people's devices and can keep no secret.
        Native = "native",
        /// Has no user: asks for tokens in its own name.
        Service = "service",
    }
}
