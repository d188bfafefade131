//! Tests of the settings of mail.

use std::path::Path;

use super::*;

fn mail(url: &str, password: &str, from: &str) -> Option<MailSettings> {
    load(&[
        ("SIGNET_SMTP_URL", url),
        ("SIGNET_SMTP_PASSWORD", password),
        ("SIGNET_MAIL_FROM", from),
    ])
    .mail
}

fn server(url: &str, password: &str) -> SmtpServer {
    match mail(url, password, "a@example.com").unwrap().route {
        MailRoute::Smtp(server) => server,
        MailRoute::Files(path) => panic!("{}", path.display()),
    }
}

#[track_caller]
fn refused(url: &str, part: &str) {
    one(
        &[("SIGNET_SMTP_URL", url), ("SIGNET_MAIL_FROM", "a@example.com")],
        "SIGNET_SMTP_URL",
        part,
    );
}

#[test]
fn mail_is_off_unless_the_url_and_the_sender_are_set() {
    assert!(mail("", "", "").is_none());
    let url = ("SIGNET_SMTP_URL", "smtps://mail.example.com");
    one(&[url], "SIGNET_MAIL_FROM", "although SIGNET_SMTP_URL is set");
    let from = ("SIGNET_MAIL_FROM", "a@example.com");
    one(&[from], "SIGNET_SMTP_URL", "although SIGNET_MAIL_FROM is set");
    let password = ("SIGNET_SMTP_PASSWORD", "x");
    one(&[url, from, password], "SIGNET_SMTP_PASSWORD", "there is a password but no user");
    let user = ("SIGNET_SMTP_URL", "smtps://ada@mail.example.com");
    one(&[user, from], "SIGNET_SMTP_PASSWORD", "there is a user but no password");
}

#[test]
fn sign_up_by_mail_needs_mail() {
    let mail = [("SIGNET_SMTP_URL", "file:/mail"), ("SIGNET_MAIL_FROM", "a@example.com")];
    for word in ["verified", "invite"] {
        let registration = ("SIGNET_REGISTRATION", word);
        one(&[registration], "SIGNET_REGISTRATION", "by mail, which is off");
        assert_eq!(load(&[registration, mail[0], mail[1]]).registration.as_str(), word);
    }
}

#[test]
fn the_url_says_how_the_connection_is_encrypted() {
    for (url, host, port, tls) in [
        ("smtps://mail.example.com", "mail.example.com", 465, SmtpTls::Implicit),
        ("smtps://mail.example.com:4650/", "mail.example.com", 4650, SmtpTls::Implicit),
        ("smtp://mail.example.com", "mail.example.com", 587, SmtpTls::StartTls),
        ("smtp://MAIL.bücher.example:25", "mail.xn--bcher-kva.example", 25, SmtpTls::StartTls),
        ("smtp://192.0.2.1", "192.0.2.1", 587, SmtpTls::StartTls),
        ("smtps://[2001:db8::1]:465", "2001:db8::1", 465, SmtpTls::Implicit),
        ("smtp://localhost?tls=none", "localhost", 25, SmtpTls::None),
        ("smtp://127.9.9.9:1025?tls=none", "127.9.9.9", 1025, SmtpTls::None),
        ("smtp://[::1]:1025/?tls=none", "::1", 1025, SmtpTls::None),
    ] {
        let found = server(url, "");
        assert_eq!((&*found.host, found.port, found.tls), (host, port, tls), "{url}");
        assert!(found.login.is_none(), "{url}");
    }
    let (user, password) = server("smtps://a%40b+c%3a%25@mail.example.com", " p w ").login.unwrap();
    assert_eq!((&*user, &**password.expose()), ("a@b+c:%", " p w "));
    let route = mail("file:/var/mail/out", "", "a@example.com").unwrap().route;
    assert!(matches!(route, MailRoute::Files(path) if path == Path::new("/var/mail/out")));
    let route = mail("file:///var/mail/out", "", "a@example.com").unwrap().route;
    assert!(matches!(route, MailRoute::Files(path) if path == Path::new("/var/mail/out")));
}

#[test]
fn urls_that_are_not_understood_are_refused_and_not_shown() {
    for (url, part) in [
        ("mail.example.com", "is not a URL"),
        ("mail.example.com:465", "starts with neither"),
        ("https://mail.example.com", "starts with neither"),
        ("smtps://", "no valid host"),
        ("smtps://mail example", "is not a URL"),
        ("smtps://mail.example.com/name", "characters after the port"),
        ("smtps://mail.example.com#x", "characters after the port"),
        ("smtps://ada:hunter2@mail.example.com", "Type the password in SIGNET_SMTP_PASSWORD"),
        ("smtps://a%0ab@mail.example.com", "control characters"),
        ("smtps://%ff@mail.example.com", "not UTF-8"),
        ("smtp://mail.example.com?tls=none", "unencrypted to another machine"),
        ("smtp://localhost.example.com?tls=none", "unencrypted to another machine"),
        ("smtp://10.0.0.1?tls=none", "unencrypted to another machine"),
        ("smtp://localhost?tls=off", "a parameter other than ?tls=none"),
        ("smtp://localhost?tls=none&x=y", "a parameter other than ?tls=none"),
        ("smtps://localhost?tls=none", "a parameter other than ?tls=none"),
        ("file:mail", "absolute path"),
        ("file://", "absolute path"),
        ("file:/", "absolute path"),
    ] {
        refused(url, part);
        let pairs = [("SIGNET_SMTP_URL", url), ("SIGNET_MAIL_FROM", "a@example.com")];
        assert!(!mistakes(&pairs)[0].found.contains(url), "{url}");
    }
}

#[test]
fn the_sender_is_an_address_with_or_without_a_name() {
    let from = |text| mail("file:/mail", "", text).unwrap().from.to_string();
    for (text, shown) in [
        ("Signet@Example.com", "Signet@example.com"),
        ("<a@example.com>", "a@example.com"),
        ("Example <a@example.com>", "Example <a@example.com>"),
        ("\"Example, Ltd.\" <a@example.com>", "Example, Ltd. <a@example.com>"),
        ("Bücher & Söhne <a@bücher.example>", "Bücher & Söhne <a@xn--bcher-kva.example>"),
    ] {
        assert_eq!(from(text), shown);
    }
    for (text, part) in [
        ("example.com", "no valid e-mail address"),
        ("Example a@example.com", "no valid e-mail address"),
        ("a@b@example.com", "no valid e-mail address"),
        ("é@example.com", "no valid e-mail address"),
        ("A\r\nBcc: <a@example.com>", "not printable"),
        ("A\nB <a@example.com>", "not printable"),
        ("A\u{202e}B <a@example.com>", "not printable"),
    ] {
        let pairs = [("SIGNET_SMTP_URL", "file:/mail"), ("SIGNET_MAIL_FROM", text)];
        one(&pairs, "SIGNET_MAIL_FROM", part);
    }
}

#[test]
fn where_mail_goes_is_shown_without_the_user() {
    let shown =
        |url: &str, password| mail(url, password, "a@example.com").unwrap().route.to_string();
    for (url, password, text) in [
        (
            "smtps://key@mail.example.com",
            "x",
            "smtps://mail.example.com:465 (TLS, with authentication)",
        ),
        ("smtp://[::1]?tls=none", "", "smtp://[::1]:25 (not encrypted, without authentication)"),
        ("smtp://m.example", "", "smtp://m.example:587 (STARTTLS, without authentication)"),
        ("file:/mail", "", "files in /mail"),
    ] {
        assert_eq!(shown(url, password), text);
    }
    let pairs = [
        ("SIGNET_SMTP_URL", "smtps://hunter2@mail.example.com"),
        ("SIGNET_SMTP_PASSWORD", "hunter2"),
        ("SIGNET_MAIL_FROM", "a@example.com"),
    ];
    let loaded = Config::from_source(&source(&pairs)).unwrap();
    let text = format!("{:?}", loaded.shown);
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_build_for_tests_may_shorten_the_deadline_of_mail() {
    for pairs in [
        [("SIGNET_TEST_MAIL_MILLIS", "400"), ("SIGNET_TEST_DEADLINES", "30")],
        [("SIGNET_TEST_DEADLINES", "30"), ("SIGNET_TEST_MAIL_MILLIS", "400")],
    ] {
        assert_eq!(load(&pairs).deadlines.mail().as_millis(), 400);
        assert_eq!(load(&pairs).deadlines.write().as_secs(), 60);
    }
    assert_eq!(load(&[("SIGNET_TEST_DEADLINES", "2")]).deadlines.mail().as_secs(), 60);
}
