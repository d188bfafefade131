//! Tests of equal, different and invalid login names.

#[path = "login_name_properties.rs"]
mod properties;

use proptest::prelude::*;

use super::*;

fn login(raw: &str) -> LoginName {
    LoginName::parse(raw).unwrap_or_else(|e| panic!("{raw:?} refused: {e}"))
}

fn refusal(raw: &str) -> LoginNameError {
    match LoginName::parse(raw) {
        Ok(login) => panic!("{raw:?} accepted as {:?}", login.key()),
        Err(error) => error,
    }
}

/// Cases in which one user could otherwise get two accounts.
#[test]
fn other_spellings_are_the_same_account() {
    for spelling in [
        "Alice@Ex.com",
        "ALICE@EX.COM",
        " alice@ex.com",
        "alice@ex.com ",
        "ａlice@ex.com",
        "ＡＬＩＣＥ@ｅｘ.ｃｏｍ",
        "alice＠ex.com",
        "alice@ex。com",
        "alice@ⓔx.com",
    ] {
        assert_eq!(login(spelling).key(), "alice@ex.com", "{spelling:?}");
    }
    for spelling in ["alice", "Alice", "ALICE", "ａlice", "ＡＬＩＣＥ", "  alice  "] {
        assert_eq!(login(spelling).key(), "alice", "{spelling:?}");
    }
    assert_eq!(login("Zoe\u{308}").key(), login("ZOË").key());
    assert_eq!(login("ｶﾞﾗ").key(), login("ガラ").key());
    assert_eq!(login("ΟΔΥΣΣΕΥΣ").key(), login("οδυσσευς").key());
    assert_eq!(login("a@ᾳ\u{94d}").key(), login("a@α\u{94d}\u{345}").key());
    assert_eq!(login("STRASSE").key(), login("straße").key());
    assert_eq!(login("STRAẞE").key(), login("straße").key());
}

#[test]
fn ambiguous_input_is_refused() {
    use LoginNameError::*;
    for (raw, error) in [
        ("", Empty),
        ("   ", Empty),
        ("a@b@c", SeveralAts),
        ("a＠b@c", SeveralAts),
        ("a@x,b@y", SeveralAts),
        ("@@", SeveralAts),
        ("a,b@y", ForbiddenCharacter),
        ("a，b@y", ForbiddenCharacter),
        ("alice@ex.com\n", HiddenCharacter),
        ("alice@ex.com\r\nBcc: eve@ex.com", HiddenCharacter),
        ("alice\0", HiddenCharacter),
        ("alice\u{7f}", HiddenCharacter),
        ("alice\u{85}", HiddenCharacter),
        ("\talice", HiddenCharacter),
        ("alice\u{a0}", HiddenCharacter),
        ("\u{3000}alice", HiddenCharacter),
        ("al ice", HiddenCharacter),
        ("alice@ex.com\u{200b}", HiddenCharacter),
        ("al\u{200b}ice", HiddenCharacter),
        ("al\u{200d}ice@ex.com", HiddenCharacter),
        ("alice@e\u{200c}x.com", HiddenCharacter),
        ("alice@e\u{ad}x.com", HiddenCharacter),
        ("\u{feff}alice", HiddenCharacter),
        ("alice\u{fe0f}", HiddenCharacter),
        ("alice\u{e0061}", HiddenCharacter),
        ("\u{3164}", HiddenCharacter),
        ("क\u{94d}\u{200d}ष", HiddenCharacter),
        ("alice\u{202e}", HiddenCharacter),
        ("\u{2067}alice\u{2069}@ex.com", HiddenCharacter),
        ("alice@\u{200f}ex.com", HiddenCharacter),
        ("שלוםalice", MixedDirection),
        ("aliceשלום@ex.com", MixedDirection),
        ("\"alice\"@ex.com", ForbiddenCharacter),
        ("\"a@b\"@ex.com", SeveralAts),
        ("alice(home)@ex.com", ForbiddenCharacter),
        ("<alice@ex.com>", ForbiddenCharacter),
        ("mailto:alice@ex.com", ForbiddenCharacter),
        ("al\\ice", ForbiddenCharacter),
        ("ops/alice", ForbiddenCharacter),
        ("ops／alice", ForbiddenCharacter),
        ("alice;", ForbiddenCharacter),
        ("ﬁn", ForbiddenCharacter),
        ("al①ce", ForbiddenCharacter),
        ("alice☃", ForbiddenCharacter),
        ("ex\u{2800}", ForbiddenCharacter),
        ("\u{e000}", ForbiddenCharacter),
        (".alice", MisplacedDot),
        ("alice.", MisplacedDot),
        ("alice．", MisplacedDot),
        (".alice@ex.com", MisplacedDot),
        ("alice.@ex.com", MisplacedDot),
        ("a..b@ex.com", MisplacedDot),
        ("@ex.com", EmptyLocalPart),
        (" @ex.com", EmptyLocalPart),
        ("＠ex.com", EmptyLocalPart),
    ] {
        assert_eq!(refusal(raw), error, "{raw:?}");
    }
}

#[test]
fn domains_are_names_and_nothing_else() {
    use LoginNameError::*;
    for (raw, error) in [
        ("alice@", InvalidDomain),
        ("alice@ex.com.", InvalidDomain),
        ("alice@ex.com。", InvalidDomain),
        ("alice@.ex.com", InvalidDomain),
        ("alice@ex..com", InvalidDomain),
        ("alice@.", InvalidDomain),
        ("alice@-ex.com", InvalidDomain),
        ("alice@ex-.com", InvalidDomain),
        ("alice@ex_1.com", InvalidDomain),
        ("alice@ex.com:25", InvalidDomain),
        ("alice@ex.com,ex.org", InvalidDomain),
        ("alice@a﹫b", InvalidDomain),
        ("alice@℀.com", InvalidDomain),
        ("alice@xn--zzzzzzzz-.com", InvalidDomain),
        ("alice@xn--a.com", InvalidDomain),
        ("alice@☃.com", InvalidDomain),
        ("alice@xn--n3h.com", InvalidDomain),
        ("alice@ex\u{2800}.com", InvalidDomain),
        ("alice@אaב.com", InvalidDomain),
        ("alice@[127.0.0.1]", AddressLiteral),
        ("alice@[IPv6:::1]", AddressLiteral),
        ("alice@127.0.0.1", AddressLiteral),
        ("alice@１２７.１", AddressLiteral),
        ("alice@①", AddressLiteral),
        ("alice@2130706433", AddressLiteral),
        ("alice@0x7f.0X1", AddressLiteral),
        ("alice@ex.0x", AddressLiteral),
        ("alice@::1", InvalidDomain),
    ] {
        assert_eq!(refusal(raw), error, "{raw:?}");
    }
    // An A-label must not smuggle in a joiner; `क्‍ष` is valid IDNA 2008.
    let joiner =
        format!("alice@xn--{}.com", idna::punycode::encode_str("क\u{94d}\u{200d}ष").unwrap());
    assert_eq!(refusal(&joiner), HiddenCharacter);

    assert_eq!(login("root@localhost").key(), "root@localhost");
    assert_eq!(login("a@1.2.3.com").key(), "a@1.2.3.com");
    assert_eq!(login("a@ab--cd.com").key(), "a@ab--cd.com");
    assert_eq!(login("a@BÜCHER.Example").key(), "a@xn--bcher-kva.example");
    assert_eq!(login("a@XN--BCHER-KVA.example").key(), "a@xn--bcher-kva.example");
    // A different owner: non-transitional UTS #46 keeps these two domains apart.
    assert_ne!(login("a@straße.de").key(), login("a@strasse.de").key());
}

#[test]
fn look_alikes_cannot_live_side_by_side() {
    for (one, other) in [
        ("alice", "ALİCE"),
        ("alice", "al\u{131}ce"),
        ("ali\u{323}ce", "ali\u{323}\u{307}ce"),
        ("john", "j\u{307}ohn"),
        ("alice@ex.com", "ALİCE@ex.com"),
        ("mike@ex.com", "m\u{131}ke@ex.com"),
        ("alice", "\u{430}lice"),
        ("alice", "alic\u{435}"),
        ("paypal", "\u{440}\u{430}ypal"),
        ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
        ("alice@ex.com", "\u{430}lice@ex.com"),
        ("alice@example.com", "alice@\u{435}xample.com"),
        ("alice@example.com", "alice@ex\u{430}mple.com"),
        ("omega", "\u{3bf}mega"),
    ] {
        let (one, other) = (login(one), login(other));
        assert_ne!(one.key(), other.key(), "two accounts are not merged: {}", other.raw());
        assert!(one.conflicts_with(&other) && other.conflicts_with(&one), "{}", other.raw());
        assert!(!other.is_ascii(), "{}", other.raw());
    }
    // The same Cyrillic domain, typed as an A-label in ASCII.
    let unicode = login("alice@\u{435}xample.com");
    let encoded = login(unicode.key());
    assert!(encoded.raw().is_ascii() && !encoded.is_ascii());
    assert!(encoded.conflicts_with(&login("alice@example.com")));
}

#[test]
fn ascii_logins_are_compared_by_normal_form_only() {
    for (one, other) in [("user10", "userlO"), ("rn", "m"), ("il", "ll"), ("a@vv.com", "a@w.com")] {
        let (one, other) = (login(one), login(other));
        assert!(one.is_ascii() && other.is_ascii());
        assert!(!one.conflicts_with(&other), "{} {}", one.raw(), other.raw());
    }
    assert!(login("userlO").conflicts_with(&login("USERLO")));
    let (one, other) = (login("user10"), login("us\u{435}r10"));
    assert!(one.conflicts_with(&other), "one of them is not ASCII: {}", other.skeleton());
}

#[test]
fn different_people_keep_their_names() {
    for (one, other) in [
        ("alice", "alicia"),
        ("anna", "anná"),
        ("müller", "muller"),
        ("иван", "иванов"),
        ("שלום", "שלומי"),
        ("مريم", "محمد"),
        ("田中", "中田"),
        ("alice@ex.com", "alice@ex.org"),
        ("alice", "alice@ex.com"),
        ("i\u{301}gor", "igor"),
    ] {
        assert!(!login(one).conflicts_with(&login(other)), "{one} {other}");
    }
    // Right-to-left names, and an address whose two parts run in two directions.
    assert_eq!(login("שלום").key(), "שלום");
    assert!(login("שלום@example.com").is_email());
}

#[test]
fn ordinary_logins_keep_what_was_typed() {
    let address = login("  O'Brien+news/eu@Ex.com ");
    assert_eq!(address.raw(), "O'Brien+news/eu@Ex.com");
    assert_eq!(address.key(), "o'brien+news/eu@ex.com");
    assert_eq!(address.local_part(), Some("o'brien+news/eu"));
    assert!(address.is_email() && address.is_ascii());

    let name = login("Zoë.Smith");
    assert_eq!((name.raw(), name.key()), ("Zoë.Smith", "zoë.smith"));
    assert_eq!(name.local_part(), None);
    assert!(!name.is_email() && !name.is_ascii());
    assert!(login("ａlice").is_ascii(), "the normal form counts, not the keyboard");
}

#[test]
fn limits_of_length_are_inclusive() {
    let name = |n: usize| "ж".repeat(n);
    assert_eq!(login(&name(MAX_USERNAME_CHARS)).key().chars().count(), MAX_USERNAME_CHARS);
    assert_eq!(refusal(&name(MAX_USERNAME_CHARS + 1)), LoginNameError::TooLong);
    assert_eq!(login("q").key(), "q");

    let address = |n: usize| format!("{}@ex.com", "a".repeat(n));
    assert!(login(&address(MAX_LOCAL_PART_BYTES)).is_email());
    assert_eq!(refusal(&address(MAX_LOCAL_PART_BYTES + 1)), LoginNameError::TooLong);

    // 64 + 1 + 189 = 254: the longest address.
    let label = "d".repeat(62);
    let domain = format!("{label}.{label}.{label}");
    assert_eq!(login(&format!("{}@{domain}", "a".repeat(65 - 1))).key().len(), 253);
    let longest = format!("{}@{domain}d", "a".repeat(64));
    assert_eq!(login(&longest).key().len(), MAX_LOGIN_BYTES);
    assert_eq!(refusal(&format!("{}@{domain}dd", "a".repeat(64))), LoginNameError::TooLong);
    // The length in bytes as typed is checked first, even before trimming.
    assert_eq!(refusal(&" ".repeat(MAX_LOGIN_BYTES + 1)), LoginNameError::TooLong);
    assert_eq!(refusal(&"\0".repeat(100_000_000)), LoginNameError::TooLong);
    // Short as typed, too long as A-labels.
    let grows = format!("{}@{}", "a".repeat(64), ["ÿ"; 30].join("."));
    assert!(grows.len() <= MAX_LOGIN_BYTES);
    assert_eq!(refusal(&grows), LoginNameError::TooLong);
    // A label of 64 bytes is too long (RFC 1035 §2.3.4).
    assert_eq!(refusal(&format!("a@{}.com", "d".repeat(64))), LoginNameError::InvalidDomain);
}

#[test]
fn nothing_echoes_the_login() {
    assert_eq!(format!("{:?}", login("alice@ex.com")), "LoginName([..])");
    for error in LoginNameError::ALL {
        assert_eq!(error.code().parse(), Ok(*error));
        assert!(error.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        assert!(error.message().is_ascii() && error.message().ends_with('.'));
    }
}
