//! Backups that are damaged: each kind is refused, with what was found, and nothing changes.

use super::{about, backup, change, inhabited, manifest, renamed, set_manifest};
use crate::cli::Place;

/// One flipped bit anywhere is seen by the name of the file.
#[test]
fn a_flipped_bit_is_seen_at_every_place() {
    let place = inhabited();
    let file = backup(&place);
    let bytes = std::fs::read(&file).unwrap();
    let places = 50;
    for number in 0..places {
        let position = number * (bytes.len() - 1) / (places - 1);
        let mut damaged = bytes.clone();
        damaged[position] ^= 1 << (number % 8);
        std::fs::write(&file, &damaged).unwrap();
        place.run(&about("verify", &file)).refused(7, &["damaged", "SHA-256"]);
    }
    for length in [0, 1, 100, 4096, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length]).unwrap();
        place.run(&about("verify", &file)).refused(7, &["incomplete"]);
    }
    std::fs::write(&file, &bytes).unwrap();
    place.run(&about("verify", &file)).ok();
}

/// The content of a file of another name is compared with its manifest: every changed byte of a row is seen.
#[test]
fn a_changed_row_is_seen_without_the_name() {
    let place = inhabited();
    let copy = renamed(&backup(&place), "copy.db");
    place.run(&about("verify", &copy)).ok();
    let bytes = std::fs::read(&copy).unwrap();
    let login = b"ada";
    let positions: Vec<usize> = bytes
        .windows(login.len())
        .enumerate()
        .filter(|(_, part)| *part == login)
        .map(|(position, _)| position)
        .collect();
    assert!(positions.len() >= 2, "{positions:?}");
    for position in positions {
        let mut damaged = bytes.clone();
        damaged[position] = b'e';
        std::fs::write(&copy, &damaged).unwrap();
        let ran = place.run(&about("verify", &copy)).code(7);
        assert!(ran.err.starts_with("error: ") && ran.out.is_empty(), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_changed_rows_are_named() {
    let place = inhabited();
    let file = backup(&place);
    for (statements, says) in [
        ("DELETE FROM users WHERE login = 'ada'", "refers to a row of users"),
        ("DELETE FROM user_words WHERE word = 'ada'", "user_words has 1 rows, and had 2"),
        ("UPDATE users SET disabled_at = 1 WHERE login = 'ada'", "rows of users"),
        ("UPDATE users SET password_hash = NULL", "rows of users"),
        ("DELETE FROM signing_keys WHERE alg = 'RS256'", "is missing"),
        ("DELETE FROM refresh_keys", "refresh_keys has 0 rows"),
        ("INSERT INTO meta (name, value) VALUES ('x', x'00')", "meta has"),
        ("DROP TABLE consents", "the table consents is missing"),
        ("CREATE TABLE extra (id INTEGER)", "tables that its manifest does not name"),
        ("DROP TABLE backup_manifest", "no manifest"),
        ("DELETE FROM backup_manifest", "manifest"),
        ("UPDATE backup_manifest SET manifest = '{}'", "manifest"),
        (
            "INSERT INTO session_devices (session_id, user_agent) VALUES (x'00', 'x')",
            "refers to a row of sessions",
        ),
    ] {
        let copy = renamed(&file, "copy.db");
        change(&copy, statements).await;
        place.run(&about("verify", &copy)).refused(7, &["copy.db", says]);
    }
}

/// Values that SQLite finds nothing wrong with, under a manifest that agrees: they are opened and used.
#[tokio::test(flavor = "multi_thread")]
async fn unusable_values_are_found_even_if_the_manifest_agrees() {
    let place = inhabited();
    let file = backup(&place);
    for (table, statements) in [
        ("signing_keys", "UPDATE signing_keys SET sealed = substr(sealed, 2)"),
        (
            "signing_keys",
            "UPDATE signing_keys SET sealed = (SELECT sealed FROM refresh_keys) WHERE alg = 'RS256'",
        ),
        (
            "signing_keys",
            "UPDATE signing_keys SET public_jwk = '{\"kty\":\"EC\"}' WHERE alg = 'ES256'",
        ),
        ("refresh_keys", "UPDATE refresh_keys SET sealed = zeroblob(60)"),
        ("users", "UPDATE users SET role = 'nobody' WHERE login = 'ada'"),
        ("meta", "UPDATE meta SET value = zeroblob(60) WHERE name = 'code_key'"),
        ("meta", "UPDATE meta SET value = zeroblob(60) WHERE name = 'pseudonym_key'"),
    ] {
        let copy = renamed(&file, "copy.db");
        change(&copy, statements).await;
        let mut says = manifest(&copy).await;
        says["digests"].as_object_mut().unwrap().remove(table).unwrap();
        set_manifest(&copy, &says).await;
        let ran = place.run(&about("verify", &copy)).code(7);
        assert!(ran.err.contains("copy.db"), "{statements}: {}", ran.err);
        assert!(ran.out.is_empty());
    }
}

#[test]
fn the_wrong_master_key_or_none_is_told_apart_from_damage() {
    let place = inhabited();
    let file = backup(&place);
    let other = Place::served();
    other.run(&about("verify", &file)).refused(7, &["another master key"]);
    let none = Place::empty();
    none.run(&about("verify", &file)).refused(78, &["no master key"]);
    std::fs::create_dir(none.dir.path().join("data")).unwrap();
    std::fs::copy(
        place.dir.path().join("data/master.key"),
        none.dir.path().join("data/master.key"),
    )
    .unwrap();
    none.run(&about("verify", &file)).ok();
    // The previous master key opens what was sealed before it was replaced.
    let key = std::fs::read_to_string(place.dir.path().join("data/master.key")).unwrap();
    let replaced = Place::served().with("SIGNET_MASTER_KEY_OLD", key.trim());
    replaced.run(&about("verify", &file)).ok();
}

#[test]
fn files_that_are_no_backups_are_refused() {
    let place = inhabited();
    let file = backup(&place);
    let text = renamed(&file, "text.db");
    std::fs::write(&text, "this is a text").unwrap();
    place.run(&about("verify", &text)).refused(7, &["text.db"]);
    let empty = renamed(&file, "empty.db");
    std::fs::write(&empty, "").unwrap();
    place.run(&about("verify", &empty)).refused(7, &["empty.db", "no manifest"]);
    // A plain copy of the database has no manifest.
    let database = renamed(&place.database(), "plain.db");
    place.run(&about("verify", &database)).refused(7, &["no manifest"]);
    let gone = file.with_file_name("gone.db");
    place.run(&about("verify", &gone)).refused(78, &["gone.db"]);
    place.run(&["backup", "verify"]).code(2);
}
