//! The cost of each step of a request.
//!
//!     cargo bench --bench micro -- --quick
//!     cargo bench --bench micro -- --quick refresh
//!     cargo bench --bench micro -- --check
//!
//! A whole request is measured by `cargo bench --bench signet`.

#![expect(clippy::unwrap_used, reason = "there is nothing to measure without a working key")]

mod limits;
mod signing;
mod steps;

use criterion::Criterion;

fn main() {
    if std::env::args().any(|argument| argument == "--check") {
        std::process::exit(i32::from(!limits::check()));
    }
    let mut criterion = Criterion::default().configure_from_args();
    steps::measure(&mut criterion);
    limits::measure(&mut criterion);
    let measured = signing::measure(&mut criterion);
    criterion.final_summary();
    // With a filter, a list or a single pass there is nothing to compare.
    if std::env::args().skip(1).all(|argument| matches!(argument.as_str(), "--quick" | "--bench")) {
        signing::table(&measured);
    }
}
