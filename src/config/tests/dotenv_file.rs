//! The `.env` file and the committed example.

use super::*;

/// A working directory with a `.env` of mode 0600 and the given text.
fn with_dotenv(text: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    dir
}

/// Loads like a process in `dir` with the environment `pairs`.
fn load_in(dir: &Path, pairs: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let environment = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Config::from_source(&Source::assemble(dir.to_owned(), environment, MACHINE))
}

#[test]
fn the_environment_wins_over_dotenv() {
    let dir = with_dotenv(
        "\u{feff}# comment\nSIGNET_LOG=debug\nexport SIGNET_SIGNING_ALG=RS256 # why\n\
         SIGNET_REGISTRATION='open'\nSIGNET_DATA_DIR=\nSIGNET_TEST_X=1\nOTHER=1\nOTHER=2 "
            .as_bytes(),
    );
    let pairs = [("SIGNET_LOG", "warn"), ("SIGNET_REGISTRATION", "")];
    let loaded = load_in(dir.path(), &pairs).unwrap();
    assert_eq!(loaded.config.log, "warn");
    assert_eq!(loaded.config.signing_alg, SigningAlg::Rs256);
    assert_eq!(loaded.config.registration, Registration::Open);
    assert_eq!(loaded.config.data_dir, dir.path().join("data"));
    assert_eq!(shown(&loaded, "SIGNET_LOG").1, "environment");
    assert_eq!(shown(&loaded, "SIGNET_SIGNING_ALG").1, ".env");
    assert_eq!(shown(&loaded, "SIGNET_DATA_DIR").1, "default");
}

#[test]
fn no_dotenv_is_no_mistake() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load_in(dir.path(), &[]).is_ok());
    // Only the working directory is searched, not its parents.
    let parent = with_dotenv(b"SIGNET_NOPE=1");
    let child = parent.path().join("child");
    std::fs::create_dir(&child).unwrap();
    assert!(load_in(&child, &[]).is_ok());
}

#[test]
fn mistakes_in_dotenv_name_file_line_and_variable_but_no_secret() {
    let dir = with_dotenv(
        b"# SIGNET_BOOTSTRAP_ADMIN_PASSWORD=hunter2 hunter2\n\
          SIGNET_LOG=info\nSIGNET_BOOTSTRAP_ADMIN_PASSWORD=hunter2 hunter2\n\
          SIGNET_LOG=warn\nSIGNET_ISUER=x\nSIGNET_RATE_LIMITS=no\n",
    );
    let text = load_in(dir.path(), &[]).unwrap_err().to_string();
    assert!(text.contains(".env, line 3 (SIGNET_BOOTSTRAP_ADMIN_PASSWORD)"), "{text}");
    assert!(text.contains("SIGNET_LOG: it is set more than once"), "{text}");
    assert!(text.contains("SIGNET_ISUER: there is no such setting (found in .env)"), "{text}");
    assert!(text.contains("found \"no\" in .env"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");

    let open = with_dotenv(b"SIGNET_LOG=info\nSIGNET_MASTER_KEY='hunter2\nA=1\n");
    let text = load_in(open.path(), &[]).unwrap_err().to_string();
    assert!(text.contains(".env, line 2 (SIGNET_MASTER_KEY)"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_dotenv_others_can_write_is_refused() {
    let dir = with_dotenv(b"SIGNET_LOG=debug\n");
    let path = dir.path().join(".env");
    for (mode, refused) in [(0o644, false), (0o400, false), (0o620, true), (0o602, true)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let result = load_in(dir.path(), &[("SIGNET_RATE_LIMITS", "no")]);
        let text = result.unwrap_err().to_string();
        assert_eq!(text.contains("chmod 600"), refused, "{mode:o} {text}");
        // A refused file does not hide the other mistakes.
        assert!(text.contains("SIGNET_RATE_LIMITS"), "{text}");
    }
    // For a symbolic link, the owner of its target is checked.
    let linked = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&path, linked.path().join(".env")).unwrap();
    let text = load_in(linked.path(), &[]).unwrap_err().to_string();
    assert!(text.contains("its mode is 0602"), "{text}");
}

#[test]
fn a_dotenv_of_another_user_is_refused() {
    let judge = |owner, mode, me| dotenv::distrust(owner, mode, me, Path::new("/w/.env"));
    assert_eq!(judge(1000, 0o100_600, 1000), None);
    assert_eq!(judge(0, 0o100_644, 1000), None);
    let (found, advice) = judge(1001, 0o100_600, 1000).unwrap();
    assert_eq!(found, "it belongs to user 1001, and Signet runs as user 1000");
    assert!(advice.ends_with("chown 1000 '/w/.env'"), "{advice}");
    assert!(judge(1001, 0o100_600, 0).is_some());
    assert!(judge(0, 0o100_620, 1000).is_some());
    assert!(judge(0, 0o100_602, 0).is_some());
}

#[test]
fn directories_large_files_and_invalid_utf8_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".env")).unwrap();
    let text = load_in(dir.path(), &[]).unwrap_err().to_string();
    assert!(text.contains("not a regular file"), "{text}");
    for (bytes, part) in [(vec![b'A', 0xff], "not UTF-8"), (vec![b'#'; 1 << 21], "1 MiB")] {
        let dir = with_dotenv(&bytes);
        let text = load_in(dir.path(), &[]).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
    let bytes = OsString::from_vec(vec![b'x', 0xff]);
    let environment = [("SIGNET_LOG".into(), bytes)].into_iter();
    let source = Source::assemble("/nowhere".into(), environment, MACHINE);
    let text = Config::from_source(&source).unwrap_err().to_string();
    assert!(text.starts_with("SIGNET_LOG: found bytes"), "{text}");
}

#[test]
fn the_committed_example_is_the_generated_one() {
    assert_eq!(
        include_str!("../../../.env.example"),
        example(),
        "write the output of `signet config example` to .env.example"
    );
}

#[test]
fn the_example_uncommented_is_a_valid_dotenv_with_the_defaults() {
    let page = example().replace("\n#SIGNET_", "\nSIGNET_");
    assert_eq!(page.matches("\nSIGNET_").count(), SETTINGS.len());
    // Samples replace missing defaults; they come in pairs or change nothing.
    let page = page.replace("SIGNET_BOOTSTRAP_ADMIN_LOGIN=admin", "");
    let page = page.replace("SIGNET_MAIL_FROM='Example <signet@example.com>'", "");
    let page = page.replace("SIGNET_BRAND_LOGO=/etc/signet/logo.svg", "");
    let page = page.replace("SIGNET_PASSWORD_DENY_LIST=/etc/signet/passwords.txt", "");
    let dir = with_dotenv(page.as_bytes());
    let loaded = load_in(dir.path(), &[]).unwrap();
    let defaults = load_in(tempfile::tempdir().unwrap().path(), &[]).unwrap();
    for setting in SETTINGS {
        if let Fallback::Fixed(text) = setting.fallback {
            let value = shown(&loaded, setting.name).0;
            let same = value == text || setting.name == "SIGNET_DATA_DIR";
            assert!(same, "{}: {value}", setting.name);
        }
    }
    assert_eq!(loaded.config.argon2, defaults.config.argon2);
    assert!(example().lines().all(|line| line.len() <= 100));
}

proptest! {
    /// Any input gives a configuration or mistakes, and neither quotes a secret.
    #[test]
    fn no_text_panics_or_leaks(at in 0..SETTINGS.len(), text in "[ -~\\n]{0,12}", secret in "[a-z0-9:/@#?]{20,60}") {
        let setting = SETTINGS[at];
        let text = if setting.secret { format!("postgres://{secret}") } else { text };
        match Config::from_source(&source(&[(setting.name, &text)])) {
            Ok(loaded) => {
                let printed = format!("{loaded:?}");
                prop_assert!(!printed.contains(&secret));
            }
            Err(mistakes) => {
                prop_assert!(mistakes.iter().next().is_some());
                prop_assert!(!mistakes.to_string().contains(&secret));
            }
        }
    }

    /// A formatted length of time is parsed as the same length.
    #[test]
    fn spelt_spans_read_back(millis in 0..=TimeSpan::from_days(3650).millis()) {
        let span = TimeSpan::from_millis(millis);
        let read = parse::span(TimeSpan::ZERO..=TimeSpan::from_days(3650));
        prop_assert_eq!(read(&parse::spell(span)), Ok(span));
    }
}
