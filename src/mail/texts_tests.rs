//! Every kind of mail in every language.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use super::*;
use crate::base::Timestamp;
use crate::domain::factor::FactorKind;
use crate::domain::mail::{MailKind, MailedSecrets};

/// Every kind in every language: no key or value is missing, and HTML is escaped.
#[test]
fn every_mail_says_the_same_in_both_forms_and_every_language() {
    let at = Timestamp::from_secs(1_800_000_000);
    let link = || MailedSecrets { link: "LINK".to_owned(), code: None };
    let factors = FactorKind::ALL.iter().flat_map(|&factor| {
        [MailContent::FactorAdded { at, factor }, MailContent::FactorRemoved { at, factor }]
    });
    let codes = [0, 1, 2, 9].map(|left| MailContent::RecoveryCodeUsed { at, left });
    let address = Some(Ipv4Addr::LOCALHOST.into());
    let others = [
        MailContent::Test,
        MailContent::PasswordChanged { at },
        MailContent::Recovery(MailedSecrets { code: Some("1234 5678".to_owned()), ..link() }),
        MailContent::PasswordReset(link()),
        MailContent::Invitation(link()),
        MailContent::RecoveryUsed { at },
        MailContent::FactorsReset { at },
        MailContent::ApiKeyCreated { at },
        MailContent::RecoveryCodesRenewed { at },
        MailContent::SecondFactorLimit { at },
        MailContent::SecondFactorMissing { at },
        MailContent::NewNetwork { at, address, device: Some("Firefox".to_owned()) },
        MailContent::NewNetwork { at, address: None, device: None },
        MailContent::PasskeyCounterReused { at },
        MailContent::EmailConfirmation(MailedSecrets {
            code: Some("1234 5678".to_owned()),
            ..link()
        }),
        MailContent::EmailChangeRequested { at },
        MailContent::EmailChanged { at },
        MailContent::EmailChangeUndo(link()),
        MailContent::EmailReplaced { at },
        MailContent::EnrolmentCode(MailedSecrets { code: Some("1234 5678".to_owned()), ..link() }),
        MailContent::Signup(MailedSecrets { code: Some("1234 5678".to_owned()), ..link() }),
        MailContent::AccountExists,
        MailContent::LoginChanged { at },
        MailContent::AccountDeleted { at },
    ];
    let contents: Vec<_> = factors.chain(codes).chain(others).collect();
    let kinds = contents.iter().map(MailContent::kind);
    assert_eq!(kinds.collect::<HashSet<_>>().len(), MailKind::ALL.len());
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
            assert!(!text.contains("{"), "{kind}: {text}");
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
}
