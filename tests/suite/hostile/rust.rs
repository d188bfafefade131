//! The examples in Rust, which are made of `signet-verify`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::runner::attack_program;
use super::subjects::{RUST_ACTIX, RUST_AXUM};
use crate::support::packages::run;

/// Builds an example where it stands; they share their dependencies.
pub fn built(name: &str) -> PathBuf {
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
