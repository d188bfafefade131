//! Tests of the rules for passwords, and of the decision about a log-in.

use super::*;

fn login(raw: &str) -> LoginName {
    LoginName::parse(raw).unwrap()
}

fn stored(raw: &str) -> Result<Vec<u8>, PasswordError> {
    Password::for_storage(raw, &login("alice@ex.com")).map(|p| p.expose_bytes().to_vec())
}

#[test]
fn lengths_are_bytes_and_exact() {
    assert_eq!(stored("x7!kq9z"), Err(PasswordError::TooShort));
    assert!(stored("x7!kq9z#").is_ok());
    assert_eq!(stored(""), Err(PasswordError::TooShort));
    assert!(stored(&"xy".repeat(MAX_BYTES / 2)).is_ok());
    assert_eq!(stored(&("xy".repeat(MAX_BYTES / 2) + "z")), Err(PasswordError::TooLong));
    assert_eq!(stored(&"x".repeat(100_000_000)), Err(PasswordError::TooLong));
    // Four letters of two bytes are enough; no characters are counted.
    assert!(stored("жщюя").is_ok());
    // Nine bytes as typed, six in normal form.
    assert_eq!(stored("e\u{301}e\u{301}e\u{301}"), Err(PasswordError::TooShort));
    // Six bytes as typed, twelve in normal form (U+0958 is never composed).
    assert_eq!("\u{958}\u{958}".nfc().collect::<String>().len(), 12);
    assert_eq!(stored("\u{958}\u{958}"), Err(PasswordError::TooShort));
}

#[test]
fn no_byte_is_lost() {
    // bcrypt truncates at 72 bytes; nothing here may.
    let long: String = ('a'..='z').cycle().take(80).collect();
    let mut other = long.clone();
    other.replace_range(72..73, "#");
    assert_eq!(stored(&long).unwrap(), long.as_bytes());
    assert_ne!(stored(&long), stored(&other));
    for raw in
        ["  leading and trailing  ", "nul\0inside\0it", "tab\tand\nline", "日本語のパスワード"]
    {
        assert_eq!(stored(raw).unwrap(), raw.as_bytes());
        assert_eq!(Password::for_verification(raw).unwrap().expose_bytes(), raw.as_bytes());
    }
    // The largest growth by normalisation fits the reserved memory.
    let grows = "\u{1d160}".repeat(MAX_BYTES / 4);
    let password = Password::for_verification(&grows).unwrap();
    assert_eq!(password.expose_bytes().len(), NFC_GROWTH * MAX_BYTES);
    assert_eq!(password.0.expose().capacity(), NFC_GROWTH * MAX_BYTES);
}

#[test]
fn both_ways_of_typing_an_accent_are_one_password() {
    let (composed, decomposed) = ("caf\u{e9} au lait", "cafe\u{301} au lait");
    assert_eq!(stored(composed), stored(decomposed));
    assert_eq!(
        Password::for_verification(decomposed).unwrap().expose_bytes(),
        stored(composed).unwrap()
    );
    assert_ne!(stored("Correct horse"), stored("correct horse"), "case counts");
    assert_ne!(stored("ｃorrect horse"), stored("correct horse"), "width counts");
}

#[test]
fn no_composition_is_asked_for() {
    for raw in ["only lower case letters", "4957201836", "----____----____", "🦀🦀"] {
        assert!(stored(raw).is_ok(), "{raw}");
    }
}

#[test]
fn common_passwords_are_refused_in_any_case() {
    for raw in [
        "password",
        "Password",
        "PASSWORD",
        "12345678",
        "iloveyou",
        "qwertyuiop",
        "Football",
        "!QAZ2wsx",
        "passw0rd",
        "sunshine",
        "SuNsHiNe",
        "Dublin16",
    ] {
        assert_eq!(stored(raw), Err(PasswordError::Common), "{raw}");
    }
    assert!(stored("password of my own").is_ok());
}

#[test]
fn the_login_is_no_password() {
    for (name, raw) in [
        ("Alice.Smith", "alice.smith"),
        ("alice.smith", "ALICE.SMITH"),
        ("alice.smith", "ａlice.smith"),
        ("alice.smith", " alice.smith "),
        ("alice@ex.com", "alice@ex.com"),
        ("alice@ex.com", "Alice@EX.com"),
        ("alice@ex.com", "alice＠ex.com"),
        ("alice.smith@ex.com", "Alice.Smith"),
        ("alice/smith@ex.com", "Alice/Smith"),
        ("a@bücher.example", "A@BÜCHER.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("οδυσσευς", "ΟΔΥΣΣΕΥΣ"),
    ] {
        let result = Password::for_storage(raw, &login(name));
        assert_eq!(result.map(drop), Err(PasswordError::IsLogin), "{name} {raw}");
    }
    for raw in ["alice.smith2", "smith.alice", "alice.smith@ex.org", "my alice.smith"] {
        let result = Password::for_storage(raw, &login("alice.smith@ex.com"));
        assert_eq!(result.map(drop), Ok(()), "{raw}");
    }
}

#[test]
fn older_passwords_still_open_their_account() {
    for raw in ["", "short", "password", "alice@ex.com"] {
        assert_eq!(Password::for_verification(raw).unwrap().expose_bytes(), raw.as_bytes());
    }
    let longest = "x".repeat(MAX_BYTES);
    assert!(Password::for_verification(&longest).is_ok());
    let result = Password::for_verification(&(longest + "x"));
    assert_eq!(result.map(drop), Err(PasswordError::TooLong));
}

#[test]
fn no_message_contains_the_password() {
    let password = Password::for_verification("correct horse").unwrap();
    assert_eq!(format!("{password:?}"), "Password([..])");
    for error in PasswordError::ALL {
        assert_eq!(error.code().parse(), Ok(*error));
        assert!(error.message().is_ascii() && error.message().ends_with('.'));
    }
    let codes: Vec<_> = PasswordError::ALL.iter().map(|e| e.code()).collect();
    assert_eq!(
        codes,
        ["too_short", "too_long", "common_password", "same_as_login", "denied_password"]
    );
}

#[test]
fn every_reason_to_refuse_is_the_same_refusal() {
    for enabled in [true, false] {
        for has_password in [true, false] {
            for check in [Check::Matches, Check::Differs] {
                for outdated in [true, false] {
                    let good = enabled && has_password && check == Check::Matches;
                    let account = Account { enabled, has_password, is_readable: true };
                    let verdict = decide(Some(account), check, outdated);
                    match good {
                        true => assert!(
                            matches!(verdict, Verdict::Accept { rehash } if rehash == outdated)
                        ),
                        false => assert_eq!(format!("{verdict:?}"), "Refuse(SealedReason([..]))"),
                    }
                    assert!(matches!(decide(None, check, outdated), Verdict::Refuse(_)));
                }
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None, cases: 64, ..Default::default()
    })]

    #[test]
    fn stored_passwords_verify_in_every_normalization(raw in proptest::prelude::any::<String>()) {
        if let Ok(bytes) = stored(&raw) {
            let composed: String = raw.nfc().collect();
            let decomposed: String = raw.nfd().collect();
            for again in [raw, composed, decomposed] {
                if again.len() <= MAX_BYTES {
                    let typed = Password::for_verification(&again).unwrap();
                    proptest::prop_assert_eq!(typed.expose_bytes(), &bytes[..]);
                }
            }
        }
    }
}
