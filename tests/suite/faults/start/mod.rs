//! Starts that cannot succeed: waiting if that helps, else a message with the cause and the remedy.

mod certificate;
mod database_rights;
mod first_start;
mod permissions;
mod reachable;
mod sockets;

use crate::support::process::{Launch, Process, Refused};

/// Asserts that the start is refused with this exit code, and a text with all of these words.
#[track_caller]
fn is_refused(started: Result<Process, Refused>, code: i32, words: &[&str]) -> String {
    let refused = started.err().expect("it started");
    assert_eq!(refused.code, Some(code), "{}", refused.text);
    for word in words {
        assert!(refused.text.contains(word), "{word:?} is not in: {}", refused.text);
    }
    refused.text
}

/// The result of a command: its exit code and its output.
fn run(launch: &Launch, arguments: &[&str]) -> (Option<i32>, String) {
    let output = launch.command().args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
