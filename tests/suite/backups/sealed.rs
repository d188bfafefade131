//! Backups that are sealed with age, opened by the reference program and the other way round.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{about, backup, inhabited, mode, name_of, names, renamed};
use crate::cli::{Place, text};
use crate::support::require;

/// Whether `age` can be run; says so loudly if not.
fn is_missing() -> bool {
    let found = Command::new("age").arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return false;
    }
    require::missing("age", "backups that are sealed: no program `age` on PATH");
    true
}

fn age(args: &[&str]) {
    let output = Command::new("age").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A new identity: its file and its recipient.
fn identity(directory: &Path, name: &str) -> (PathBuf, String) {
    let file = directory.join(name);
    let output = Command::new("age-keygen").arg("-o").arg(&file).output().unwrap();
    assert!(output.status.success());
    let text = std::fs::read_to_string(&file).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    (file, recipient.to_owned())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A place whose backups are sealed, and the file of the identity that opens them. Nothing if there is no `age`.
fn sealing() -> Option<(Place, PathBuf)> {
    if is_missing() {
        return None;
    }
    let place = inhabited();
    let (ada, for_ada) = identity(place.dir.path(), "ada.txt");
    Some((place.with("SIGNET_BACKUP_RECIPIENTS", &for_ada), ada))
}

#[test]
fn the_reference_program_opens_what_is_sealed_and_the_other_way_round() {
    if is_missing() {
        return;
    }
    let place = inhabited();
    let plain = backup(&place);
    let directory = place.dir.path().to_owned();
    let (ada, for_ada) = identity(&directory, "ada.txt");
    let (ben, for_ben) = identity(&directory, "ben.txt");
    let (eve, _) = identity(&directory, "eve.txt");
    let place = place.with("SIGNET_BACKUP_RECIPIENTS", &format!("{for_ada},{for_ben}"));
    let created = place.run(&["backup", "create"]).ok();
    assert!(!created.err.contains("It is not sealed"), "{}", created.err);
    let row = created.one();
    assert_eq!(row["sealed"], true);
    let sealed = PathBuf::from(text(&row, "file"));
    assert!(path(&sealed).ends_with(".db.age") && name_of(&sealed).is_sealed);
    assert_eq!(mode(&sealed), 0o600);
    assert_eq!(names(sealed.parent().unwrap()).len(), 2);

    // The reference program opens it with either identity, and what comes out is a backup.
    for identity in [&ada, &ben] {
        let opened = directory.join("opened.db");
        age(&["-d", "-i", path(identity), "-o", path(&opened), path(&sealed)]);
        let verified = place.run(&about("verify", &opened)).ok().one();
        assert_eq!(verified, row["backup"]);
        std::fs::remove_file(opened).unwrap();
    }
    // What the reference program seals is opened here.
    let by_age = directory.join("by-age.db.age");
    age(&["-r", &for_ada, "-o", path(&by_age), path(&plain)]);
    place.run(&["backup", "verify", path(&by_age), "--identity", path(&ada)]).ok();
    for identity in [&ada, &ben] {
        let args = ["backup", "verify", path(&sealed), "--identity", path(identity)];
        assert_eq!(place.run(&args).ok().one(), row["backup"]);
    }
    // Nothing that was unsealed is left.
    assert_eq!(names(sealed.parent().unwrap()).len(), 2);

    let wrong = ["backup", "verify", path(&sealed), "--identity", path(&eve)];
    place.run(&wrong).refused(78, &["other recipients", "--identity"]);
    place.run(&about("verify", &sealed)).refused(78, &["is sealed", "--identity"]);
    let needless = ["backup", "verify", path(&plain), "--identity", path(&ada)];
    place.run(&needless).refused(78, &["not sealed"]);
    let none = ["backup", "verify", path(&sealed), "--identity", path(&plain)];
    place.run(&none).refused(2, &["--identity"]);
    // The identity is printed nowhere.
    let secret = std::fs::read_to_string(&ada).unwrap();
    let secret = secret.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let ran = place.run(&["backup", "verify", path(&sealed), "--identity", path(&ada)]);
    assert!(!ran.err.contains(secret) && !ran.out.contains(secret));
}

#[test]
fn damage_of_a_sealed_backup_is_seen_with_and_without_its_name() {
    let Some((place, ada)) = sealing() else { return };
    let sealed = backup(&place);
    let bytes = std::fs::read(&sealed).unwrap();
    let verify =
        |file: &Path| place.run(&["backup", "verify", path(file), "--identity", path(&ada)]);
    let copy = renamed(&sealed, "renamed.db.age");
    verify(&copy).ok();
    for position in [30, 60, 100, 170, 190, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x20;
        std::fs::write(&copy, &damaged).unwrap();
        let ran = verify(&copy);
        assert!(matches!(ran.code, Some(7 | 78)), "{position}: {ran:?}");
        assert!(ran.err.contains("damaged") || ran.err.contains("other recipients"), "{}", ran.err);
        std::fs::write(&sealed, &damaged).unwrap();
        verify(&sealed).refused(7, &["damaged", "SHA-256"]);
    }
    for length in [bytes.len() - 1, bytes.len() - 65_552, bytes.len() / 2, 200, 10] {
        std::fs::write(&copy, &bytes[..length]).unwrap();
        let ran = verify(&copy);
        assert!(matches!(ran.code, Some(7 | 78)), "{length}: {ran:?}");
    }
}

#[test]
fn a_sealed_backup_is_restored_with_its_identity() {
    let Some((place, ada)) = sealing() else { return };
    let sealed = backup(&place);
    place
        .run_with(&["user", "create", "late", "--password-file", "-"], b"plaid sofa under rain")
        .ok();
    let args = ["backup", "restore", path(&sealed), "--identity", path(&ada), "--yes"];
    let restored = place.run(&args).ok().one();
    assert_eq!(restored["undone"]["created"], serde_json::json!(["late"]));
    assert_eq!(place.run(&["user", "list"]).ok().rows().len(), 2);
    let kept: &str = text(&restored, "kept");
    assert!(Path::new(kept).exists());
    let data: Vec<String> = names(&place.dir.path().join("data"));
    assert!(!data.iter().any(|name| name.starts_with(".signet-work-")), "{data:?}");
}
