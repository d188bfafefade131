//! The files under `deploy` and the Dockerfile: their settings exist, and they follow the rules of the documentation.

use std::path::{Path, PathBuf};
use std::process::Command;

use signet::config::SETTINGS;

use crate::support::process::Launch;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// Every word of `text` in the form of a setting.
fn settings_in(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.starts_with("SIGNET_"))
        .collect()
}

#[test]
fn every_setting_that_a_shipped_file_names_exists() {
    let mut paths = vec![root().join("Dockerfile")];
    files(&root().join("deploy"), &mut paths);
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for name in settings_in(&text) {
            let exists = SETTINGS.iter().any(|setting| {
                setting.name == name || setting.file_name().as_deref() == Some(name)
            });
            assert!(exists, "{}: there is no {name}", path.display());
        }
    }
}

/// By default systemd gives up after five starts in ten seconds.
#[test]
fn the_unit_restarts_only_after_temporary_failures() {
    let unit = read("deploy/systemd/signet.service");
    let lines: Vec<&str> = unit.lines().collect();
    let (head, service) =
        lines.split_at(lines.iter().position(|line| *line == "[Service]").unwrap());
    assert!(head.contains(&"StartLimitIntervalSec=0"), "{head:?}");
    for line in [
        "Restart=on-failure",
        "RestartSec=5",
        "RestartSteps=6",
        "RestartMaxDelaySec=2min",
        "RestartPreventExitStatus=2 78",
    ] {
        assert!(service.contains(&line), "{line}");
    }
}

#[test]
fn every_way_to_run_it_names_never_and_logs_json_only() {
    for path in [
        "deploy/systemd/signet.service",
        "deploy/compose/compose.yaml",
        "deploy/kubernetes/signet.yaml",
    ] {
        let text = read(path);
        assert!(text.contains("SIGNET_NEW_DATABASE"), "{path}");
        let json =
            ["SIGNET_LOG_FORMAT=json", "SIGNET_LOG_FORMAT: json", "SIGNET_LOG_FORMAT, value: json"];
        assert!(json.iter().any(|spelling| text.contains(spelling)), "{path}");
    }
    assert!(read("Dockerfile").contains("SIGNET_LOG_FORMAT=json"));
}

/// A full disk must not make the keys unavailable to every API.
#[test]
fn ready_read_reports_read_access_and_its_failures() {
    for path in
        ["deploy/kubernetes/signet.yaml", "deploy/compose/compose.yaml", "deploy/nginx/signet.conf"]
    {
        assert!(read(path).contains("/ready/read"), "{path}");
    }
    let manifest = read("deploy/kubernetes/signet.yaml");
    let probe = manifest.split("readinessProbe:").nth(1).unwrap();
    let path = probe.lines().find(|line| line.contains("httpGet")).unwrap();
    assert!(path.contains("/ready/read"), "{path}");
    assert!(manifest.contains("full disk"));
}

/// The commands of the first block in section "systemd" of the documentation that begins with `(`.
fn command_line_recipe() -> String {
    let text = read("docs/operating.md");
    let section = text.split("\n## systemd\n").nth(1).unwrap();
    let block = section.split("```sh\n").find(|block| block.starts_with('(')).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// With `LoadCredential=` the service reads a copy of the master key that systemd makes for it alone. The
/// unit is simulated, in temporary directories.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_command_line_works_beside_a_unit_with_and_without_a_credential() {
    let unit = read("deploy/systemd/signet.service");
    assert!(unit.contains("#LoadCredential=master.key:/etc/signet/master.key"));
    assert!(unit.contains("#Environment=SIGNET_MASTER_KEY_FILE=%d/master.key"));
    for credential in [true, false] {
        let machine = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = machine.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (etc, state, credentials) = (place("etc"), place("state"), place("credentials"));
        std::fs::write(etc.join("signet.env"), "SIGNET_ISSUER=http://localhost:8484\n").unwrap();
        let mut launch = Launch::new()
            .with("SIGNET_DATA_DIR", state.to_str().unwrap())
            .with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
            .with("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", "plaid sofa under rain");
        if credential {
            let copy = credentials.join("master.key");
            std::fs::write(etc.join("master.key"), "A".repeat(43)).unwrap();
            std::fs::copy(etc.join("master.key"), &copy).unwrap();
            launch = launch.with("SIGNET_MASTER_KEY_FILE", copy.to_str().unwrap());
        }
        let _server = launch.start().await;
        if credential {
            // Only the service can read its copy.
            std::fs::remove_dir_all(&credentials).unwrap();
        }
        let recipe = command_line_recipe()
            .replace("/etc/signet", etc.to_str().unwrap())
            .replace("/var/lib/signet", state.to_str().unwrap())
            .replace("signet user", &format!("{} user", env!("CARGO_BIN_EXE_signet")));
        let output = Command::new("sh")
            .args(["-c", &recipe])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{credential}: {said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("root"), "{said}");
    }
}
