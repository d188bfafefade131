//! The words everything else is written in: time, ids, randomness, secrets, tokens.
//!
//! Owns value types without behaviour of their own. Must not know any rule of the product,
//! any database, any protocol or any crypto library.

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
