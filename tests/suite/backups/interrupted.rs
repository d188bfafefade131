//! Runs that are killed at any moment: what is there afterwards is whole.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{PASSWORD, about, backup, create_user, inhabited, log_in, names};
use crate::cli::Place;
use crate::faults::history::Dice;
use crate::support::require::number;

/// Starts a command that prints nothing.
fn spawn(place: &Place, args: &[&str]) -> Child {
    let mut command = place.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// How long a command takes that is not interrupted: the moments are drawn from that time.
fn length(place: &Place, args: &[&str]) -> Duration {
    let began = Instant::now();
    place.run(args).ok();
    began.elapsed()
}

/// Kills a command at a moment of its time. The moment is the experiment; every outcome is checked.
fn kill_within(mut child: Child, length: Duration, dice: &mut Dice) {
    let millis = u64::try_from(length.as_millis()).unwrap().max(1);
    std::thread::sleep(Duration::from_millis(dice.roll(millis)));
    let _ = child.kill();
    child.wait().unwrap();
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A backup appears under its name when it is verified, or not at all. `SIGNET_TEST_ROUNDS` says how often (12),
/// `SIGNET_TEST_SEED` repeats a run.
#[test]
fn a_backup_that_is_interrupted_is_whole_or_absent() {
    let mut dice = Dice::of_this_run();
    let place = inhabited();
    let directory = place.dir.path().join("data/backups");
    let whole = length(&place, &["backup", "create"]);
    for _ in 0..number("SIGNET_TEST_ROUNDS").unwrap_or(12) {
        kill_within(spawn(&place, &["backup", "create"]), whole, &mut dice);
        for name in names(&directory) {
            if name.starts_with("signet-") {
                place.run(&about("verify", &directory.join(name))).ok();
            } else {
                assert!(name.starts_with(".signet-work-"), "{name}");
            }
        }
    }
    // The next run removes what the killed ones have left.
    backup(&place);
    let left = names(&directory);
    assert!(left.iter().all(|name| name.starts_with("signet-")), "{left:?}");
}

/// The old or the new database is there, whole, and a server starts on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_interrupted_leaves_the_old_or_the_new_database() {
    let mut dice = Dice::of_this_run();
    let place = inhabited();
    let file = backup(&place);
    create_user(&place, "late");
    let data = place.dir.path().join("data");
    let saved = place.dir.path().join("saved");
    copy_files(&data, &saved);
    let file = file.to_str().unwrap();
    let args = ["backup", "restore", file, "--yes"];
    let whole = length(&place, &args);
    let (mut old, mut new) = (0, 0);
    for round in 0..number("SIGNET_TEST_ROUNDS").unwrap_or(12) {
        for name in names(&data) {
            if data.join(&name).is_file() {
                std::fs::remove_file(data.join(name)).unwrap();
            }
        }
        copy_files(&saved, &data);
        // The last moments are those at which the files change places: they are tried more often.
        let mut child = spawn(&place, &args);
        if round % 2 == 0 {
            let placed = || names(&data).iter().any(|name| name.contains("before-restore"));
            while !placed() && child.try_wait().unwrap().is_none() {}
            kill_within(child, Duration::from_millis(3), &mut dice);
        } else {
            kill_within(child, whole, &mut dice);
        }
        let server = place.serve();
        assert_eq!(log_in(&server, "ada", PASSWORD).await, 200);
        match log_in(&server, "late", PASSWORD).await {
            200 => old += 1,
            401 => new += 1,
            status => panic!("{status}"),
        }
        drop(server);
        // What the killed one has left does not hinder the next, which removes it.
        place.run(&args).ok();
        let left = names(&data);
        assert!(!left.iter().any(|name| name.starts_with(".signet-work-")), "{left:?}");
    }
    assert!(old + new > 0);
}
