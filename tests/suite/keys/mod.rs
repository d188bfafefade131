//! Signing keys and the tokens they sign, as resource servers and operators see them.

mod algorithms;
mod master_key;
mod resource_servers;
mod rotation;
mod unknown;
mod well_known;
