//! The texts of mail about changes of an account.
//!
//! Owns the sentences of each notice and their order. A notice has no code and no secret link: its links lead to
//! pages that require a sign-in. `identity::notifications` decides when one is sent.

use std::net::IpAddr;

use crate::domain::factor::FactorKind;
use crate::domain::mail::MailContent;

use super::texts::Frame;

/// The number of remaining recovery codes at which the mail suggests creating new ones.
const FEW_CODES: i64 = 3;

/// A notice: its subject and its paragraphs.
pub(super) struct Notice {
    pub(super) subject: String,
    pub(super) paragraphs: Vec<String>,
}

impl Notice {
    fn new(subject: String, paragraphs: impl IntoIterator<Item = String>) -> Self {
        Self { subject, paragraphs: paragraphs.into_iter().collect() }
    }

    /// The notice of a mail; `None` for other kinds of mail.
    pub(super) fn of(frame: &Frame<'_>, content: &MailContent) -> Option<Self> {
        let when = |key: &str, at: &_| frame.with(key, "when", &frame.locale.date_time(*at));
        let not_you = || frame.t("mail.not_you");
        Some(match content {
            MailContent::Test
            | MailContent::Recovery(_)
            | MailContent::PasswordReset(_)
            | MailContent::Invitation(_)
            | MailContent::EmailConfirmation(_)
            | MailContent::EmailChangeUndo(_)
            | MailContent::EnrolmentCode(_)
            | MailContent::Signup(_) => return None,
            MailContent::AccountExists => Self::new(
                frame.t("mail.account_exists.subject"),
                [
                    frame.t("mail.account_exists.text"),
                    frame.t("mail.account_exists.next"),
                    frame.t("mail.account_exists.ignore"),
                ],
            ),
            MailContent::PasswordChanged { at } => Self::new(
                frame.t("mail.password_changed.subject"),
                [when("mail.password_changed.text", at), frame.t("mail.password_changed.not_you")],
            ),
            MailContent::RecoveryUsed { at } => Self::new(
                frame.t("mail.recovery_used.subject"),
                [when("mail.recovery_used.text", at), frame.t("mail.recovery_used.not_you")],
            ),
            MailContent::FactorAdded { at, factor } => Self::new(
                frame.t("mail.factor_added.subject"),
                [when(added(*factor), at), not_you()],
            ),
            MailContent::FactorRemoved { at, factor } => Self::new(
                frame.t("mail.factor_removed.subject"),
                [when(removed(*factor), at), not_you()],
            ),
            MailContent::FactorsReset { at } => Self::new(
                frame.t("mail.factors_reset.subject"),
                [
                    when("mail.factors_reset.text", at),
                    frame.t("mail.factors_reset.next"),
                    frame.t("mail.not_asked_for"),
                ],
            ),
            MailContent::RecoveryCodesRenewed { at } => Self::new(
                frame.t("mail.recovery_codes_renewed.subject"),
                [when("mail.recovery_codes_renewed.text", at), not_you()],
            ),
            MailContent::ApiKeyCreated { at } => Self::new(
                frame.t("mail.api_key_created.subject"),
                [when("mail.api_key_created.text", at), not_you()],
            ),
            MailContent::RecoveryCodeUsed { at, left } => Self::new(
                frame.t("mail.recovery_code_used.subject"),
                [when("mail.recovery_code_used.text", at), codes_left(frame, *left), not_you()],
            ),
            MailContent::SecondFactorLimit { at } => Self::new(
                frame.t("mail.second_factor_limit.subject"),
                [when("mail.second_factor_limit.text", at), frame.t("mail.password_is_known")],
            ),
            MailContent::SecondFactorMissing { at } => Self::new(
                frame.t("mail.second_factor_missing.subject"),
                [when("mail.second_factor_missing.text", at), frame.t("mail.password_is_known")],
            ),
            MailContent::PasskeyCounterReused { at } => Self::new(
                frame.t("mail.passkey_counter_reused.subject"),
                [
                    when("mail.passkey_counter_reused.text", at),
                    frame.t("mail.passkey_counter_reused.next"),
                ],
            ),
            MailContent::EmailChangeRequested { at } => Self::new(
                frame.t("mail.email_change_requested.subject"),
                [when("mail.email_change_requested.text", at), not_you()],
            ),
            MailContent::EmailChanged { at } => Self::new(
                frame.t("mail.email_changed.subject"),
                [when("mail.email_changed.text", at), not_you()],
            ),
            MailContent::EmailReplaced { at } => Self::new(
                frame.t("mail.email_replaced.subject"),
                [when("mail.email_replaced.text", at), frame.t("mail.not_asked_for")],
            ),
            MailContent::LoginChanged { at } => Self::new(
                frame.t("mail.login_changed.subject"),
                [when("mail.login_changed.text", at), not_you()],
            ),
            MailContent::AccountDeleted { at } => Self::new(
                frame.t("mail.account_deleted.subject"),
                [when("mail.account_deleted.text", at), frame.t("mail.not_asked_for")],
            ),
            MailContent::NewNetwork { at, address, device } => {
                let text = when("mail.new_network.text", at);
                let from = [address_of(frame, *address), device_of(frame, device.as_deref())];
                let paragraphs = std::iter::once(text).chain(from.into_iter().flatten());
                Self::new(
                    frame.t("mail.new_network.subject"),
                    paragraphs.chain(std::iter::once(not_you())),
                )
            }
        })
    }
}

const fn added(factor: FactorKind) -> &'static str {
    match factor {
        FactorKind::Totp => "mail.factor_added.totp",
        FactorKind::Passkey => "mail.factor_added.passkey",
    }
}

const fn removed(factor: FactorKind) -> &'static str {
    match factor {
        FactorKind::Totp => "mail.factor_removed.totp",
        FactorKind::Passkey => "mail.factor_removed.passkey",
    }
}

/// The number of remaining recovery codes, and where to create new ones if there are few.
fn codes_left(frame: &Frame<'_>, left: i64) -> String {
    let counted = match left {
        0 => frame.t("mail.recovery_code_used.none"),
        1 => frame.t("mail.recovery_code_used.one"),
        _ => frame.with("mail.recovery_code_used.left", "n", &left.to_string()),
    };
    if left > FEW_CODES {
        return counted;
    }
    format!("{counted} {}", frame.t("mail.recovery_code_used.few"))
}

fn address_of(frame: &Frame<'_>, address: Option<IpAddr>) -> Option<String> {
    let address = address?.to_string();
    Some(frame.with("mail.new_network.address", "address", &address))
}

fn device_of(frame: &Frame<'_>, device: Option<&str>) -> Option<String> {
    Some(frame.with("mail.new_network.device", "device", device?))
}
