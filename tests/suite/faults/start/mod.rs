//! A start that something stands in the way of: it waits where waiting helps, and otherwise says what is
//! wrong and what to do.

mod certificate;
mod database_rights;
mod first_start;
mod permissions;
mod reachable;
mod sockets;

use crate::support::process::{Launch, Process, Refused};

/// The start is refused with this number, and the text holds all of these words.
#[track_caller]
fn is_refused(started: Result<Process, Refused>, code: i32, words: &[&str]) -> String {
    let refused = started.err().expect("it started");
    assert_eq!(refused.code, Some(code), "{}", refused.text);
    for word in words {
        assert!(refused.text.contains(word), "{word:?} is not in: {}", refused.text);
    }
    refused.text
}

/// What a command of the command line ends with: its number and what it says.
fn run(launch: &Launch, arguments: &[&str]) -> (Option<i32>, String) {
    let output = launch.command().args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
