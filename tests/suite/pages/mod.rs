//! The pages in a browser, and where they are served.

mod below_path;
mod browser;
mod console;
mod enrolment;
mod enrolment_code;
mod expired_links;
mod gallery;
mod inspector;
mod issuer_path;
mod kept;
mod languages;
mod no_dead_ends;
mod own_data;
mod own_email;
mod passkeys;
mod persistent;
mod proxies;
mod races;
mod recovery;
mod second_factors;
mod served;
mod signup;
mod stale;
mod whole_account;
