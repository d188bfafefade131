//! `signet mail test`, and the settings of mail.

use std::os::unix::fs::PermissionsExt as _;

use super::{ADA, FROM};
use crate::cli::{Place, Ran};
use crate::support::ports::free_address;
use crate::support::require;
use crate::support::smtp_sink::{Behavior, Encryption, Sink, certificate};

/// A directory with mail settings.
fn place(url: &str) -> Place {
    Place::empty().with("SIGNET_SMTP_URL", url).with("SIGNET_MAIL_FROM", FROM)
}

/// Runs `signet mail test ada@example.org` on another thread than those of the sink.
async fn test(place: Place) -> Ran {
    tokio::task::spawn_blocking(move || place.run(&["mail", "test", ADA])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_is_shown_and_the_exit_code_says_what_to_do() {
    let sink = Sink::start().await;
    let ran = test(place(&sink.url())).await.ok();
    for stage in ["name", "connection", "greeted", "sender", "recipient", "message was accepted"] {
        assert!(ran.err.contains(stage), "{stage}: {}", ran.err);
    }
    assert_eq!(sink.received().len(), 1);
    for (behavior, code, words) in [
        (Behavior::Reply("EHLO", "421 4.3.2 busy"), 75, "did not greet"),
        (Behavior::Reply("EHLO", "554 5.7.1 go away"), 78, "did not greet"),
        (Behavior::Reply("MAIL", "550 5.7.1 not you"), 78, "refused the sender: 550 5.7.1 not you"),
        (Behavior::Reply("RCPT", "450 4.2.1 greylisted"), 75, "the recipient now: 450"),
        (Behavior::Reply("RCPT", "550 5.1.1 \u{1b}[2Jno"), 78, "\\u{1b}[2Jno"),
        (Behavior::Reply("RCPT", "451 4.7.1 later"), 75, "does not accept the recipient now: 451"),
        (
            Behavior::Reply("MAIL", "530 5.7.0 log in"),
            78,
            "only after authentication or encryption",
        ),
        (Behavior::Reply("DATA", "552 5.3.4 too large"), 78, "was not accepted"),
        (Behavior::DropAfterData, 75, "was not accepted"),
    ] {
        sink.behave([behavior.clone()]);
        let ran = test(place(&sink.url())).await.code(code);
        assert!(ran.err.contains(words), "{behavior:?}: {}", ran.err);
        assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    }
    // A port on which no program listens.
    let closed = free_address();
    let ran = test(place(&format!("smtp://{closed}?tls=none"))).await.code(75);
    assert!(ran.err.contains("cannot be reached"), "{}", ran.err);
    let silent = Sink::start().await;
    silent.behave([Behavior::SilentAtGreeting]);
    let hurried = place(&silent.url()).with("SIGNET_TEST_MAIL_MILLIS", "400");
    let ran = test(hurried).await.code(75);
    assert!(ran.err.contains("did not greet: no answer within"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_encrypted_and_authenticated_or_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path()) {
        return require::missing("openssl", "mail over TLS");
    }
    let trusted = folder.path().join("live.pem");
    let trusted = trusted.to_str().unwrap();
    for encryption in [Encryption::StartTls, Encryption::Implicit] {
        let login = Some(("ada@corp", "se cret+1"));
        let sink = Sink::with(encryption, Some(folder.path()), login).await;
        let scheme = if encryption == Encryption::Implicit { "smtps" } else { "smtp" };
        let url = format!("{scheme}://ada%40corp@localhost:{}", sink.address.port());
        let with = |password: &str| place(&url).with("SIGNET_SMTP_PASSWORD", password);
        let ran = test(with("se cret+1").with("SSL_CERT_FILE", trusted)).await.ok();
        assert!(ran.err.contains("encrypted") && ran.err.contains("password"), "{}", ran.err);
        let mail = sink.received().remove(0);
        assert!(mail.encrypted && mail.authenticated, "{mail:?}");
        let ran = test(with("wrong").with("SSL_CERT_FILE", trusted)).await.code(78);
        assert!(ran.err.contains("refused the user or the password: 535"), "{}", ran.err);
        // A certificate that is signed by no root of the system.
        let ran = test(with("se cret+1")).await.code(78);
        assert!(ran.err.contains("cannot be encrypted"), "{encryption:?}: {}", ran.err);
        // A certificate for another name.
        let other = url.replace("localhost", "127.0.0.1");
        let other = place(&other).with("SIGNET_SMTP_PASSWORD", "se cret+1");
        let ran = test(other.with("SSL_CERT_FILE", trusted)).await.code(78);
        assert!(ran.err.contains("cannot be encrypted"), "{encryption:?}: {}", ran.err);
        assert_eq!(sink.received().len(), 1);
    }
    // A server that offers no STARTTLS receives neither a password nor a message.
    let plain = Sink::with(Encryption::None, None, Some(("ada", "secret"))).await;
    let url = format!("smtp://ada@localhost:{}", plain.address.port());
    let ran = test(place(&url).with("SIGNET_SMTP_PASSWORD", "secret")).await.code(78);
    assert!(ran.err.contains("does not offer STARTTLS"), "{}", ran.err);
    assert!(plain.received().is_empty());
    assert!(!plain.commands().contains(&"AUTH".to_owned()), "{:?}", plain.commands());
}

#[test]
fn without_settings_mail_is_off_and_the_command_says_what_to_set() {
    let off = Place::empty();
    off.run(&["mail", "test", ADA]).refused(78, &["mail is off", "SIGNET_SMTP_URL"]);
    off.run(&["mail", "test", "ada"]).refused(2, &["address \"ada\""]);
    off.run(&["mail", "test", "é@example.org"]).refused(2, &["ASCII"]);
    let help = off.run(&["mail", "test", ADA, "--language", "fr"]).code(2);
    assert!(help.err.contains("choose en or de"), "{}", help.err);
    assert!(off.run(&["config", "check"]).ok().err.contains("Mail is off"));
}

#[test]
fn settings_that_would_send_mail_unprotected_are_refused() {
    for (url, words) in [
        ("smtp://mail.example.com?tls=none", "unencrypted to another machine"),
        ("smtp://192.0.2.1:25?tls=none", "unencrypted to another machine"),
        ("smtps://localhost?tls=none", "parameter other than"),
        ("smtp://localhost?tls=opportunistic", "parameter other than"),
        ("smtps://ada:secret@mail.example.com", "contains a password"),
    ] {
        let ran = place(url).run(&["config", "check"]).refused(78, &["SIGNET_SMTP_URL", words]);
        assert!(!ran.err.contains("secret@") && !ran.err.contains(url), "{}", ran.err);
    }
    let from = "Example\r\nBcc: <eve@example.com>";
    let crlf =
        Place::empty().with("SIGNET_SMTP_URL", "smtps://m.example").with("SIGNET_MAIL_FROM", from);
    crlf.run(&["config", "check"]).refused(78, &["SIGNET_MAIL_FROM", "not printable"]);
    let brand =
        place("smtps://m.example").with("SIGNET_BRAND_NAME", "Example\r\nBcc: eve@example.com");
    brand.run(&["config", "check"]).refused(78, &["SIGNET_BRAND_NAME", "not printable"]);
}

#[test]
fn checked_settings_show_where_mail_goes_and_no_secret() {
    let place =
        place("smtps://api-key-8Zq9@mail.example.com").with("SIGNET_SMTP_PASSWORD", "pw-8Zq9");
    let said = place.run(&["config", "check"]).ok().err;
    let expected = "Mail goes to smtps://mail.example.com:465 (TLS, with authentication), from \
                    Example <signet@example.com>.";
    assert!(said.contains(expected), "{said}");
    let shown = place.run(&["config", "show", "-o", "ndjson"]).ok();
    assert!(!said.contains("8Zq9") && !shown.out.contains("8Zq9"), "{said}{}", shown.out);
}

#[test]
fn mail_to_files_is_readable_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("mail");
    let place = place(&format!("file:{}", directory.display()));
    place.run(&["mail", "test", ADA, "--language", "de"]).ok();
    let entries: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].extension().is_some_and(|ending| ending == "eml"), "{entries:?}");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&entries[0]), mode(&directory)), (0o600, 0o700));
    let text = std::fs::read_to_string(&entries[0]).unwrap();
    assert!(text.contains("\r\nTo: ada@example.org\r\n"), "{text}");
    assert!(text.contains("Content-Language: de"), "{text}");
    // A directory that cannot be created.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let place = self::place(&format!("file:{}/mail", file.display()));
    let ran = place.run(&["mail", "test", ADA]).code(78);
    assert!(ran.err.contains("error: the message was not accepted"), "{}", ran.err);
}
