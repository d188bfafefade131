//! Tests of which texts are addresses, and of their delivery form.

use super::*;

fn refusal(raw: &str) -> EmailAddressError {
    EmailAddress::parse(raw).expect_err(raw)
}

#[test]
fn mail_is_delivered_to_the_local_part_as_typed_and_the_domain_in_a_labels() {
    for (raw, delivery, key) in [
        ("Ada.Lovelace+x@Example.COM", "Ada.Lovelace+x@example.com", "ada.lovelace+x@example.com"),
        (" ada@example.com ", "ada@example.com", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada\u{ff20}example.com", "ada@example.com", "ada@example.com"),
        ("ada@ｅxample。com", "ada@example.com", "ada@example.com"),
        (
            "o'hara!#$%&*/=?^_`{|}~-@x.org",
            "o'hara!#$%&*/=?^_`{|}~-@x.org",
            "o'hara!#$%&*/=?^_`{|}~-@x.org",
        ),
    ] {
        let address = EmailAddress::parse(raw).unwrap_or_else(|error| panic!("{raw}: {error}"));
        assert_eq!((address.delivery(), address.key()), (delivery, key), "{raw}");
    }
}

#[test]
fn local_parts_beyond_ascii_are_unsupported_also_where_their_normal_form_is_ascii() {
    for raw in ["é@example.com", "ａda@example.com", "用户@example.com", "ada․b@example.com"]
    {
        let error = refusal(raw);
        assert!(
            matches!(error, EmailAddressError::Unsupported | EmailAddressError::Invalid),
            "{raw}: {error}"
        );
    }
    assert_eq!(refusal("é@example.com").code(), "email_unsupported");
    assert_eq!(refusal("ａda@example.com"), EmailAddressError::Unsupported);
}

#[test]
fn texts_that_could_reach_another_mailbox_are_refused() {
    assert_eq!(refusal("  "), EmailAddressError::Empty);
    for raw in [
        "ada",
        "@example.com",
        "ada@",
        "ada@b@example.com",
        "ada,eve@example.com",
        "\"ada\"@example.com",
        "ada@127.0.0.1",
        "ada@[::1]",
        "a..b@example.com",
        ".ada@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada<eve@example.com>",
        "ada@exa mple.com",
    ] {
        assert_eq!(refusal(raw), EmailAddressError::Invalid, "{raw:?}");
    }
}

#[test]
fn debug_output_does_not_contain_the_address() {
    let address = EmailAddress::parse("ada@example.com").unwrap();
    assert_eq!(format!("{address:?}"), "EmailAddress([..])");
}
