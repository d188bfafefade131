//! The examples in Rust, which use `signet-verify`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::runner::attack_program;
use super::subjects::{RUST_ACTIX, RUST_AXUM};
use crate::support::packages::run;

/// Builds an example in its folder, once in a run; they share the compiled dependencies.
pub fn built(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap();
    built.entry(name.to_owned()).or_insert_with(|| build(name)).clone()
}

fn build(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = root.join("examples/resource-servers").join(name).join("Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-examples");
    let built = run(Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target));
    assert!(built, "the example {name} does not build");
    target.join(format!("debug/signet-example-{name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn actix_web_takes_the_matrix() {
    let program = built("rust-actix");
    attack_program(&RUST_ACTIX, || Command::new(&program)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axum_takes_the_matrix() {
    let program = built("rust-axum");
    attack_program(&RUST_AXUM, || Command::new(&program)).await;
}

/// The package has tests of its own, with a simulated time.
#[test]
fn the_verifier_passes_its_own_tests() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify/Cargo.toml");
    let passed = run(Command::new(env!("CARGO"))
        .args(["test", "--locked", "--quiet", "--all-features", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-examples")));
    assert!(passed, "the tests of signet-verify fail");
}
