//! How fast Signet is, beside what the machine can do.
//!
//!     cargo bench --bench signet              the whole table, about three minutes
//!     cargo bench --bench signet -- --quick   shorter turns
//!     cargo bench --bench signet -- --scale   with ten million sessions, two minutes more
//!     cargo bench --bench signet -- --database-url postgres://… --processes
//!     cargo bench --bench signet -- --administration   searches, the console and the end of all sessions at a
//!                                             million users; --check fails where one takes too long
//!     cargo bench --bench signet -- --peers   with oidc-provider beside it (Node.js and npm)
//!
//! Starts the real binary on a fresh database, drives it over loopback and prints each rate beside a
//! ceiling of the same run: actix-web that answers a constant, or the bare crypto. The driver runs on
//! the same cores, so rates are of the whole machine; CPU microseconds are the server's alone.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and shares, rounded anyway"
)]

mod administration;
mod args;
mod bare;
mod bench;
mod ceiling;
mod cpu;
mod feed;
mod load;
mod peers;
mod plot;
mod process;
mod replicas;
mod report;
mod run;
mod seed;
mod work;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("ceiling") => ceiling::serve().map_err(Into::into),
        _ => run::run(&args::Args::parse()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = report::say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}
