//! Every kind of mail in every language.

use super::*;

/// Every kind in every language: no key is missing, no value is, and HTML is escaped.
#[test]
fn every_mail_says_the_same_in_both_forms_and_every_language() {
    let contents = [
        MailContent::Test,
        MailContent::PasswordChanged { at: Timestamp::from_secs(1_800_000_000) },
    ];
    for locale in Locale::all() {
        let frame = Frame { locale, brand: "A & B <Ltd>", issuer: "https://id.example/x" };
        for content in &contents {
            let Texts { subject, text, html } = render(&frame, content).unwrap();
            let kind = format!("{} {}", content.kind(), locale.lang());
            assert!(!subject.is_empty() && !subject.contains(['{', '\n']), "{kind}: {subject}");
            assert!(text.contains("A & B <Ltd>") && text.contains(frame.issuer), "{kind}: {text}");
            assert!(html.contains("A &#38; B &#60;Ltd&#62;"), "{kind}: {html}");
            assert!(html.contains(&format!("lang=\"{}\"", locale.lang())), "{kind}: {html}");
            assert!(!text.starts_with('\n') && text.ends_with('\n'), "{kind}: {text:?}");
            for part in [&text, &html] {
                assert!(!part.contains("  \n") && !part.contains("\n\n\n"), "{kind}: {part}");
                // No picture, script or style is fetched, and every link begins with the issuer.
                for address in part.split("http").skip(1).filter(|rest| rest.contains("://")) {
                    assert!(address.starts_with("s://id.example/x"), "{kind}: {address}");
                }
                assert!(!part.contains("src="), "{kind}: {part}");
            }
        }
    }
    assert_eq!(to_the_minute(Timestamp::from_secs(1_800_000_000)), "2027-01-15 08:00 UTC");
}
