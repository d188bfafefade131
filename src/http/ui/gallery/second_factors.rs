//! Samples of the pages for second factors.

use super::{Sample, World, sample, start_again};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::FieldError;
use crate::domain::totp;
use crate::http::ui::pages::{
    Done, EnrolPage, FactorRow, MailedCodePage, PasskeyForm, Passkeys, RecoveryCodesPage,
    RemoveFactorPage, SecurityPage, TotpSetupPage, VerifyPage,
};
use crate::http::ui::qr::QrImage;
use crate::http::ui::{Frame, policy, policy_pending_page};

/// The page for a code at the sign-in.
pub(super) fn verifying(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let restart = start_again(world);
    let page = |is_recovery, error| VerifyPage {
        frame,
        flow: world.typed,
        challenge: world.typed,
        client_name: Some(world.client),
        login: Some(world.login),
        method: if is_recovery { "recovery_code" } else { "totp" },
        is_recovery,
        has_code: true,
        other: Some(frame.link("/login/verify").with_query("flow=F&challenge=C&method=totp")),
        passkey: None,
        error,
        restart: &restart,
    };
    let form = || Some(PasskeyForm { challenge: world.typed.to_owned(), options: "{}".to_owned() });
    let either = VerifyPage { passkey: form(), ..page(false, None) };
    let alone = VerifyPage { has_code: false, other: None, passkey: form(), ..page(false, None) };
    let policy = || policy_pending_page(false);
    let (wrong, wrong_code) = (frame.t("verify.wrong"), frame.t("verify.wrong_recovery"));
    Ok(vec![
        sample("verify", &page(false, None), policy())?,
        sample("verify-passkey", &either, policy_pending_page(true))?,
        sample("verify-passkey-only", &alone, policy_pending_page(true))?,
        sample("verify-refused", &page(false, Some(wrong)), policy())?,
        sample("verify-recovery", &page(true, None), policy())?,
        sample("verify-recovery-refused", &page(true, Some(wrong_code)), policy())?,
    ])
}

/// The page for the code that is mailed before an enrolment.
pub(super) fn mailed_code(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let restart = start_again(world);
    let page = |is_sent, notice, error| MailedCodePage {
        frame,
        flow: world.typed,
        challenge: world.typed,
        client_name: Some(world.client),
        login: Some(world.login),
        is_sent,
        notice,
        error,
        restart: &restart,
    };
    let policy = || policy_pending_page(false);
    let (again, wrong) = (frame.t("mailed_code.again"), frame.t("recover.wrong_code"));
    Ok(vec![
        sample("mailed-code", &page(true, None, None), policy())?,
        sample("mailed-code-again", &page(true, Some(again), None), policy())?,
        sample("mailed-code-refused", &page(true, None, Some(wrong)), policy())?,
        sample("mailed-code-unsent", &page(false, None, None), policy())?,
    ])
}

/// The enrolment that a policy requires at the sign-in.
pub(super) fn enrolling(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let restart = start_again(world);
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let uri = totp::otpauth_uri(world.client, world.login, secret);
    let page = |may_skip, error, code_error| EnrolPage {
        frame,
        flow: world.typed,
        challenge: world.typed,
        client_name: Some(world.client),
        setup: world.typed,
        secret: totp::grouped(secret),
        otpauth_uri: &uri,
        qr: QrImage::of(&uri),
        name: world.device,
        may_skip,
        error,
        code_error,
        name_error: None,
        restart: &restart,
    };
    let wrong = frame.field(&FieldError { field: "code", code: "wrong", message: "" });
    let limited = frame.locale.wait(TimeSpan::from_mins(15));
    let policy = || policy_pending_page(false);
    Ok(vec![
        sample("enrol", &page(false, None, None), policy())?,
        sample("enrol-refused", &page(false, None, Some(wrong)), policy())?,
        sample("enrol-limited", &page(false, Some(&limited), None), policy())?,
        sample("enrol-may-skip", &page(true, None, None), policy())?,
    ])
}

/// The pages of the account.
pub(super) fn of_account(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let now = Timestamp::from_secs(1_800_000_000);
    let ago = |span: TimeSpan| {
        frame.locale.ago(Timestamp::from_millis(now.millis() - span.millis()), now)
    };
    let factor = |name: &str, used| FactorRow {
        id: world.typed.to_owned(),
        name: name.to_owned(),
        created: ago(TimeSpan::from_days(12)),
        used,
    };
    let page = |is_fresh, factors| SecurityPage {
        frame,
        csrf: world.typed,
        notice: None,
        is_fresh,
        may_add: true,
        may_remove_last: true,
        needs_email: false,
        factors,
        recovery_codes: "8".to_owned(),
        passkeys: Passkeys { is_on: true, rows: Vec::new(), asks_second: false, form: None },
    };
    let two = || {
        vec![
            factor(world.device, Some(ago(TimeSpan::from_mins(3)))),
            factor(frame.t("totp.default_name"), None),
        ]
    };
    let passkeys = SecurityPage {
        passkeys: Passkeys {
            is_on: true,
            rows: two(),
            asks_second: false,
            form: Some(PasskeyForm { challenge: world.typed.to_owned(), options: "{}".to_owned() }),
        },
        ..page(true, Vec::new())
    };
    let removed =
        SecurityPage { notice: Some(Done::FactorRemoved.text(frame.locale)), ..page(true, two()) };
    let one = vec![factor(frame.t("totp.default_name"), None)];
    let required = SecurityPage { may_remove_last: false, may_add: false, ..page(true, one) };
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let uri = totp::otpauth_uri(world.client, world.login, secret);
    let wrong = |field| frame.field(&FieldError { field, code: "wrong", message: "" });
    let setup = |code_error, name_error| TotpSetupPage {
        frame,
        csrf: world.typed,
        setup: world.typed,
        secret: totp::grouped(secret),
        otpauth_uri: &uri,
        qr: QrImage::of(&uri),
        name: world.device,
        error: None,
        code_error,
        name_error,
    };
    let codes = RecoveryCodesPage {
        frame,
        csrf: world.typed,
        notice: Some(Done::FactorAdded.text(frame.locale)),
        onwards: frame.link("/account/security"),
        codes: (0..10).map(|at| format!("{at}K7D-0MXR-4TQZ-PA6N")).collect(),
    };
    let remove = RemoveFactorPage {
        frame,
        csrf: world.typed,
        id: world.typed.to_owned(),
        name: world.device,
    };
    let name_error = frame.t("totp.name_error");
    let policy = || policy(false);
    Ok(vec![
        sample("security", &removed, policy())?,
        sample("security-off", &page(true, Vec::new()), policy())?,
        sample("security-required", &required, policy())?,
        sample(
            "security-no-email",
            &SecurityPage { needs_email: true, ..page(true, Vec::new()) },
            policy(),
        )?,
        sample("security-passkeys", &passkeys, super::super::policy(true))?,
        sample("security-stale", &page(false, two()), policy())?,
        sample("totp-setup", &setup(None, None), policy())?,
        sample("totp-setup-refused", &setup(Some(wrong("code")), None), policy())?,
        sample("totp-setup-name", &setup(None, Some(name_error)), policy())?,
        sample("recovery-codes", &codes, policy())?,
        sample("remove-factor", &remove, policy())?,
    ])
}
