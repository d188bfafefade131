//! `signet migrate` on SQLite.

use super::{Place, members};

#[test]
fn the_schema_is_shown_and_brought_up_to_date() {
    let place = Place::served();
    let steps = place.run(&["migrate", "status"]).ok().rows();
    assert!(!steps.is_empty());
    for step in &steps {
        assert_eq!(members(step), ["applied", "name", "version"]);
        assert_eq!(step["applied"], true);
    }
    let nothing = place.run(&["migrate", "up"]).ok();
    assert_eq!((nothing.rows(), nothing.err.as_str()), (steps.clone(), "Nothing to apply.\n"));

    // The oldest state: no schema.
    let bare = Place::empty();
    std::fs::create_dir(bare.dir.path().join("data")).unwrap();
    std::fs::write(bare.database(), b"").unwrap();
    let pending = bare.run(&["migrate", "status"]).ok();
    assert_eq!(pending.rows().len(), steps.len());
    assert!(pending.rows().iter().all(|step| step["applied"] == false), "{}", pending.out);
    assert!(pending.err.contains("signet migrate up"), "{}", pending.err);
    let applied = bare.run(&["migrate", "up"]).ok();
    assert_eq!(applied.rows(), steps);
    assert_eq!(applied.err.lines().count(), steps.len(), "{}", applied.err);
    assert_eq!(bare.run(&["migrate", "status"]).ok().rows(), steps);
    // A schema without keys: no server has run on it, and no key is missing.
    bare.run(&["user", "list"]).refused(78, &["never been served", "signet serve"]);

    let broken = Place::empty();
    std::fs::create_dir(broken.dir.path().join("data")).unwrap();
    std::fs::write(broken.database(), "this is no database, however long it is".repeat(100))
        .unwrap();
    let found = broken.database();
    broken.run(&["migrate", "status"]).refused(78, &[found.to_str().unwrap()]);
    broken.run(&["user", "list"]).refused(78, &[found.to_str().unwrap()]);
}
