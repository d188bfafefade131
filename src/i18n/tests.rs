//! Tests of the translations: which language is chosen, and that every file has the same keys.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::base::opaque_token::KINDS;
use crate::domain::email_address::EmailAddressError;
use crate::domain::login_name::LoginNameError;
use crate::domain::oidc::is_scope;
use crate::domain::password::PasswordError;
use crate::domain::token_diagnosis::{Check, TokenCode};

fn chosen(ui: &str, cookie: &str, accept: &str) -> &'static str {
    fn some(text: &str) -> Option<&str> {
        Some(text).filter(|text| !text.is_empty())
    }
    Locale::choose(some(ui), some(cookie), some(accept)).lang()
}

fn german() -> Locale {
    Locale::choose(Some("de"), None, None)
}

#[test]
fn the_choice_of_the_user_counts_before_the_application_and_the_browser() {
    assert_eq!(chosen("", "", ""), "en");
    assert_eq!(chosen("", "", "de"), "de");
    assert_eq!(chosen("", "en", "de"), "en");
    assert_eq!(chosen("de", "en", "de"), "en");
    assert_eq!(chosen("de", "", "en"), "de");
    assert_eq!(chosen("fr-CA de en", "", "en"), "de");
    assert_eq!(chosen("fr", "de", "en"), "de");
    assert_eq!(chosen("fr", "tlh", "nl, de"), "de");
}

#[test]
fn regions_fall_back_and_unknown_tags_are_passed_over() {
    for tag in ["de", "DE", "de-AT", "de-Latn-CH-1996", "de-x-private"] {
        assert_eq!(chosen(tag, "", ""), "de", "{tag}");
    }
    for tag in ["d", "deu", "den", "fr", "-", "de_AT", "i-default", "*", "\u{e9}", "<svg>"] {
        assert_eq!(chosen(tag, "", ""), "en", "{tag}");
        assert_eq!(chosen("", tag, "de"), "de", "{tag}");
    }
}

#[test]
fn accept_language_is_ordered_by_weight() {
    for (header, lang) in [
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("en-GB;q=0.5, de;q=0.6", "de"),
        ("fr, *;q=0.5", "en"),
        ("*, de;q=0.5", "en"),
        ("de;q=0, en", "en"),
        ("en, de", "en"),
        ("de, en", "de"),
        ("de;q=nonsense, en;q=0.1", "en"),
        ("de;q=2, en;q=0.1", "en"),
        ("de;q=NaN", "en"),
        (";;;,,,=", "en"),
        ("de ; q=0.3", "de"),
    ] {
        assert_eq!(chosen("", "", header), lang, "{header}");
    }
}

#[test]
fn values_are_put_in_and_not_searched() {
    let text = german().with("consent.title", &[("client", "{client} {n}")]);
    assert_eq!(text, "{client} {n} bittet um Zugriff auf Ihr Konto");
    assert_eq!(Locale::english().with("time.days", &[("n", "3")]), "3 days ago");
    assert_eq!(Locale::english().t("no.such.key"), "");
}

#[test]
fn time_passes_in_whole_units() {
    let now = Timestamp::from_secs(1_800_000_000);
    let ago = |secs: i64| Locale::english().ago(Timestamp::from_secs(1_800_000_000 - secs), now);
    for (secs, text) in [
        (-5, "just now"),
        (59, "just now"),
        (60, "a minute ago"),
        (3599, "59 minutes ago"),
        (3600, "an hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "a day ago"),
        (172_800, "2 days ago"),
    ] {
        assert_eq!(ago(secs), text);
    }
    assert_eq!(german().ago(Timestamp::from_secs(0), Timestamp::from_secs(7200)), "vor 2 Stunden");
}

/// Every error of a form has a text in every language, and the English text is the message.
#[test]
fn every_field_error_has_a_text_in_every_language() {
    let logins = LoginNameError::ALL.iter().map(|e| ("login", e.code(), e.message()));
    let passwords = PasswordError::ALL.iter().map(|e| ("new_password", e.code(), e.message()));
    for (field, code, message) in logins.chain(passwords) {
        let error = FieldError { field, code, message };
        let least = *MIN_LENGTHS.start();
        assert_eq!(Locale::english().field(&error, least), message, "{field} {code}");
        assert_ne!(german().field(&error, least), message, "{field} {code}");
    }
    let missing = FieldError { field: "any", code: "missing", message: "" };
    assert_eq!(german().field(&missing, 8), "Dieses Feld wird benötigt.");
    let other = FieldError { field: "any", code: "odd", message: "As it is." };
    assert_eq!(german().field(&other, 8), "As it is.");
    assert_eq!(german().error((Code::Conflict, None), "As it is."), "As it is.");
    assert_eq!(
        german().error((Code::InvalidCredentials, None), ""),
        "Benutzername oder Passwort ist falsch."
    );
}

#[test]
fn a_date_is_written_as_in_a_sentence_of_the_language() {
    let date_time = |locale: Locale, secs| locale.date_time(Timestamp::from_secs(secs));
    let english = Locale::english();
    assert_eq!(date_time(english, 1_800_000_000), "15 January 2027 at 08:00 UTC");
    assert_eq!(date_time(german(), 1_800_000_000), "15. Januar 2027 um 08:00 Uhr (UTC)");
    assert_eq!(date_time(english, 1_796_083_199), "30 November 2026 at 23:59 UTC");
    assert_eq!(date_time(german(), 1_772_323_200), "1. März 2026 um 00:00 Uhr (UTC)");
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some((_, name, after)) = placeholder(rest) {
        names.insert(name);
        rest = after;
    }
    assert!(!rest.contains(['{', '}']), "a brace without its partner: {text}");
    names
}

#[test]
fn every_language_says_the_same() {
    let english = &LANGUAGES.english.texts;
    assert!(english.len() > 100, "{}", english.len());
    for locale in Locale::all() {
        let texts = &locale.0.texts;
        let (keys, all): (BTreeSet<_>, BTreeSet<_>) =
            (texts.keys().collect(), english.keys().collect());
        assert_eq!(keys, all, "{}", locale.lang());
        for (key, text) in texts {
            assert_eq!(placeholders(text), placeholders(&english[key]), "{} {key}", locale.lang());
            assert!(!text.trim().is_empty(), "{} {key}", locale.lang());
        }
        let mut sources = std::iter::once(&ENGLISH).chain(OTHERS);
        let source = sources.find(|(tag, _)| *tag == locale.lang()).unwrap().1;
        let written = source.matches("\": \"").count();
        assert_eq!(written, texts.len(), "{}: a key is there twice", locale.lang());
    }
}

/// The sources below a folder, without tests.
fn collect(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            collect(&path, text);
        } else if name != "tests.rs" && !name.ends_with("_tests.rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Every template and every source that names a key.
fn readers() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["templates", "assets/inspect", "src/http", "src/mail", "src/i18n"] {
        collect(&root.join(folder), &mut text);
    }
    text
}

/// Whether the script of the token inspector builds the key at run time.
fn is_inspectors(rest: &str) -> bool {
    let Some((group, name)) = rest.split_once('.') else { return false };
    match group {
        "check" => name.parse::<Check>().is_ok(),
        "code" => name.parse::<TokenCode>().is_ok(),
        "secret" => KINDS.iter().any(|(_, kind)| *kind == name),
        "claim" => true,
        "form" => ["too_large", "parts", "empty", "not_base64", "not_an_object"].contains(&name),
        "part" => ["header", "payload", "signature"].contains(&name),
        "state" => ["passed", "failed", "open"].contains(&name),
        "issued_at" | "expiry" => ["ok", "wrong"].contains(&name),
        _ => false,
    }
}

/// Whether a key is built at run time from an error, a reason or a scope.
fn is_made(key: &str) -> bool {
    match key.split_once('.') {
        Some(("error", rest)) => is_error(rest),
        Some(("refusal", rest)) => rest.parse::<Reason>().is_ok(),
        Some(("scope", rest)) => is_scope(rest.strip_suffix(".detail").unwrap_or(rest)),
        Some(("inspect", rest)) => is_inspectors(rest),
        _ => key == "password.hint_long",
    }
}

/// A key consists of words separated by dots; file names are not keys.
fn is_key(literal: &str) -> bool {
    let is_word = |word: &str| {
        let mut bytes = word.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    literal.contains('.') && !literal.ends_with(".html") && literal.split('.').all(is_word)
}

#[test]
fn every_text_is_used() {
    let readers = readers();
    let texts = LANGUAGES.english.texts.keys();
    let unused: Vec<&String> =
        texts.filter(|key| !is_made(key) && !readers.contains(&format!("\"{key}\""))).collect();
    assert_eq!(unused, Vec::<&String>::new());
}

/// Every literal that begins like a key has a text, whether it is looked up directly or through a table.
#[test]
fn every_key_that_is_named_has_a_text() {
    let texts = &LANGUAGES.english.texts;
    let first = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
    let begins: BTreeSet<String> = texts.keys().map(|key| first(key)).collect();
    let readers = readers();
    let named: BTreeSet<&str> =
        readers.split('"').filter(|part| is_key(part) && begins.contains(&first(part))).collect();
    let unknown: Vec<_> = named.iter().filter(|key| !texts.contains_key(**key)).collect();
    assert_eq!(unknown, Vec::<&&str>::new());
    assert!(named.len() > 500, "{}", named.len());
    for call in [".t(\"", ".with(\""] {
        for part in readers.split(call).skip(1) {
            let key = part.split('"').next().unwrap();
            assert!(texts.contains_key(key), "there is no text {key}");
        }
    }
}

/// In English, pages use the messages of the API.
#[test]
fn every_reason_has_a_text_in_every_language() {
    for reason in Reason::ALL {
        let text = |locale: Locale| locale.find(&format!("refusal.{reason}"));
        assert_eq!(text(Locale::english()), Some(reason.message()), "{reason}");
        let others = Locale::all().skip(1);
        for locale in others {
            let said = locale.error((Code::Conflict, Some(*reason)), reason.message());
            assert_eq!(Some(said), text(locale), "{} {reason}", locale.lang());
            assert_ne!(said, reason.message(), "{} {reason}", locale.lang());
        }
    }
}

/// Whether an error with this name exists: a code, or a field with a code.
fn is_error(rest: &str) -> bool {
    Code::ALL.iter().any(|code| code.as_str() == rest)
        || rest.strip_prefix("login.").is_some_and(|code| {
            code == "taken" || LoginNameError::ALL.iter().any(|error| error.code() == code)
        })
        || rest
            .strip_prefix("password.")
            .is_some_and(|code| PasswordError::ALL.iter().any(|error| error.code() == code))
        || rest.strip_prefix("email.").is_some_and(|code| {
            code == "unchanged" || EmailAddressError::ALL.iter().any(|error| error.code() == code)
        })
        || [
            "missing",
            "no_such",
            "user.no_such",
            "actor.no_such",
            "name.not_a_name",
            "login.not_confirmed",
            "login.not_verified",
            "login.not_an_address",
            "terms_accepted.not_accepted",
            "code.wrong",
            "current_password.wrong",
            "password.unchanged",
            "password.too_short_long",
            "decision.unknown",
            "user_code.unknown",
            "scopes.missing",
            "scopes.not_allowed",
        ]
        .contains(&rest)
}
