//! The command line (being replaced).
mod dev;
mod report;
mod serve;

/// Entry.
pub fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("dev") => dev::run(),
        _ => serve::run(),
    }
}
