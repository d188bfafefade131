//! The time to look up a token in a set of 100,000 revocations: `cargo bench --bench check`. With `--check` it fails
//! above the limit.

use std::process::ExitCode;
use std::time::Instant;

use signet_verify::{Cut, RevokedSet, Token};

/// The limit for 99 of 100 look-ups, in nanoseconds.
const LIMIT: u128 = 5_000;
const ENTRIES: usize = 100_000;
const CUTS: usize = 20;
const LOOKUPS: usize = 200_000;

fn id(nth: usize) -> String {
    format!("0190f3a1-0000-7000-8000-{nth:012x}")
}

fn main() -> ExitCode {
    let mut set = RevokedSet::default();
    for nth in 0..ENTRIES {
        match nth % 2 {
            0 => set.add_session(id(nth), i64::MAX),
            _ => set.add_token(id(nth), i64::MAX),
        }
    }
    for nth in 0..CUTS {
        let client_id = Some(format!("client-{nth}"));
        set.add_cut(Cut { client_id, aud: None, sub: None, iat: 100 }, i64::MAX);
    }
    let aud = ["https://api.example.com".to_owned()];
    let mut times: Vec<u128> = Vec::with_capacity(LOOKUPS);
    let mut found = 0;
    for nth in 0..LOOKUPS {
        // Every second token is not listed.
        let (sid, jti) = (id(nth * 7 % (2 * ENTRIES)), format!("{}.1", id(nth * 11)));
        let token = Token {
            kid: "k",
            jti: &jti,
            sid: Some(&sid),
            client_id: "shop",
            sub: "ada",
            aud: &aud,
            iat: 50,
        };
        let start = Instant::now();
        let has = set.has(&token);
        times.push(start.elapsed().as_nanos());
        found += usize::from(has);
    }
    times.sort_unstable();
    let at = |share: f64| times[(LOOKUPS as f64 * share) as usize];
    let (p50, p99) = (at(0.5), at(0.99));
    println!("{} entries, {found} of {LOOKUPS} refused: p50 {p50} ns, p99 {p99} ns", set.len());
    if std::env::args().any(|argument| argument == "--check") && p99 > LIMIT {
        eprintln!("p99 is above {LIMIT} ns");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
