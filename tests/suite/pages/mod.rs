//! The pages in a browser, and where they are served.

mod below_path;
mod browser;
mod gallery;
mod issuer_path;
mod kept;
mod languages;
mod no_dead_ends;
mod passkeys;
mod proxies;
mod second_factors;
mod served;
mod stale;
