//! Basic value types: time, ids, randomness, secrets, tokens.
//!
//! They depend on no rule of the product, no database, no protocol and no crypto library.

pub mod build_info;
pub mod clock;
pub mod deadlines;
pub mod entropy;
pub mod id;
pub mod nearest_name;
pub mod opaque_token;
pub mod secret;
pub mod text_enum;

pub use clock::{Clock, SystemClock, TimeSpan, Timestamp};
pub use deadlines::Deadlines;
pub use entropy::Entropy;
pub use id::Id;
pub use secret::Secret;
