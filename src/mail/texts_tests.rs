//! Every kind of mail in every language.

use super::*;
use crate::domain::mail::MailedSecrets;

/// Every kind in every language: no key is missing, no value is, and HTML is escaped.
#[test]
fn every_mail_says_the_same_in_both_forms_and_every_language() {
    let at = Timestamp::from_secs(1_800_000_000);
    let link = || MailedSecrets { link: "LINK".to_owned(), code: None };
    let contents = [
        MailContent::Test,
        MailContent::PasswordChanged { at },
        MailContent::Recovery(MailedSecrets { code: Some("1234 5678".to_owned()), ..link() }),
        MailContent::PasswordReset(link()),
        MailContent::Invitation(link()),
        MailContent::RecoveryUsed { at },
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
