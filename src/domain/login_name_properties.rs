//! Properties of login names: one account for every spelling of a name.

use super::*;

/// Pieces of the attacks in the tables above, for random combination.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a",
        "B",
        "i",
        "İ",
        "ı",
        "j",
        "ß",
        "ẞ",
        "ς",
        "Σ",
        "ᾳ",
        "ᾼ",
        "é",
        "e\u{301}",
        "\u{307}",
        "\u{345}",
        "\u{323}",
        "@",
        "＠",
        ".",
        "．",
        "。",
        "-",
        "xn--",
        "xn--bcher-kva",
        "com",
        "1",
        "٣",
        "0x",
        "[",
        ",",
        "/",
        " ",
        "\n",
        "\u{200b}",
        "\u{200d}",
        "\u{94d}",
        "क",
        "ｶ",
        "ﾞ",
        "・",
        "·",
        "l",
        "א",
        "ب",
        "۴",
        "\u{202e}",
        "а",
        "е",
        "Ж",
        "日",
        "가",
        "ᄀ",
        "Ⴀ",
        "Ꭰ",
        "ǅ",
        "K",
        "Å",
        "ﬀ",
        "😀",
        "\u{10ffff}",
        "Ⱥ",
        "ŉ",
        "ΐ",
        "𐐀",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        piece(),
        prop::collection::vec(any::<char>(), 1..4).prop_map(String::from_iter),
        (piece(), piece()).prop_map(|(local, domain)| format!("{local}@{domain}")),
    ]
}

/// The invariants of every login that `parse` accepts.
fn check_accepted(login: &LoginName) -> Result<(), TestCaseError> {
    let again = LoginName::parse(login.key());
    let Ok(again) = again else {
        return Err(TestCaseError::fail(format!("key {:?} is refused", login.key())));
    };
    prop_assert_eq!(again.key(), login.key());
    prop_assert_eq!(again.skeleton(), login.skeleton());
    prop_assert_eq!((again.is_ascii(), again.is_email()), (login.is_ascii(), login.is_email()));
    prop_assert!(!login.key().is_empty() && login.key().len() <= MAX_LOGIN_BYTES);
    prop_assert!(!login.skeleton().is_empty());
    prop_assert!(!login.key().chars().any(|c| c.is_whitespace() || c.is_control()));
    prop_assert!(!login.key().chars().any(|c| c.is_uppercase() || FORBIDDEN.contains(&c)));
    prop_assert_eq!(login.key().matches('@').count(), usize::from(login.is_email()));
    prop_assert!(login.conflicts_with(login));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_its_own_key(raw in anything()) {
        if let Ok(login) = LoginName::parse(&raw) {
            check_accepted(&login)?;
        }
    }

    #[test]
    fn no_spelling_makes_a_second_account(raw in anything()) {
        let Ok(login) = LoginName::parse(&raw) else { return Ok(()) };
        let wide = |c: char| match c {
            '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
            _ => c,
        };
        // Case mapping is defined on normal forms only (Unicode §3.13, D145: U+0345 moves).
        // A wide mark is a mark only once it is mapped, so that comes first.
        let mapped = UsernameCaseMapped::new().width_mapping_rule(raw.as_str()).unwrap();
        let normal: String = mapped.nfc().collect();
        // Upper case of a domain is not always the same domain (`ß`), so only its ASCII is changed.
        let upper = match normal.split_once('@') {
            Some((local, domain)) => {
                format!("{}@{}", local.to_uppercase(), domain.to_ascii_uppercase())
            }
            None => normal.to_uppercase(),
        };
        for other in [
            upper,
            normal,
            raw.nfc().collect(),
            raw.nfd().collect(),
            raw.chars().map(wide).collect(),
            format!(" {raw} "),
        ] {
            if let Ok(other) = LoginName::parse(&other) {
                prop_assert!(login.conflicts_with(&other), "{:?} {:?}", login.key(), other.key());
            }
        }
    }
}

/// Every character of every assigned plane except the private ones, in a username and in a domain.
#[test]
fn every_character_is_survived_and_stable() {
    for c in ('\0'..='\u{3ffff}').chain('\u{e0000}'..='\u{e0fff}') {
        for raw in [c.to_string(), format!("a{c}b"), format!("{c}@ex.com"), format!("a@x{c}y.com")]
        {
            if let Ok(login) = LoginName::parse(&raw) {
                check_accepted(&login).unwrap_or_else(|e| panic!("{raw:?}: {e}"));
            }
        }
    }
}
