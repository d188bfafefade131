//! Two-step sign-in: the factors of the user's account, and the enrolment of one.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;
use crate::http::ui::pages::PasskeyForm;
use crate::http::ui::qr::QrImage;

/// The second factors of an account. Every form carries `csrf`.
#[derive(Template)]
#[template(path = "security.html")]
pub struct SecurityPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The notice about the last change, in the language of the page.
    pub notice: Option<&'a str>,
    /// Whether the sign-in is fresh enough to change anything.
    pub is_fresh: bool,
    /// Whether factors can be added.
    pub may_add: bool,
    /// Whether the last factor can be removed.
    pub may_remove_last: bool,
    /// Whether the e-mail address has to be verified before a factor is added.
    pub needs_email: bool,
    /// The authenticator apps.
    pub factors: Vec<FactorRow>,
    /// The number of unused recovery codes.
    pub recovery_codes: String,
    /// The passkeys.
    pub passkeys: Passkeys,
}

/// The passkeys of an account.
pub struct Passkeys {
    /// Whether passkeys are enabled.
    pub is_on: bool,
    /// The passkeys of the account.
    pub rows: Vec<FactorRow>,
    /// Whether the password already requires a second factor.
    pub asks_second: bool,
    /// The form for another one, if one can be added now.
    pub form: Option<PasskeyForm>,
}

impl Passkeys {
    /// Whether there is anything to show.
    pub const fn is_shown(&self) -> bool {
        self.is_on || !self.rows.is_empty()
    }
}

/// A factor. Times are texts.
pub struct FactorRow {
    /// Its id, returned in the field `id`.
    pub id: String,
    /// The name that the user chose.
    pub name: String,
    /// When it was added.
    pub created: String,
    /// When it was last used, if it was.
    pub used: Option<String>,
}

/// The confirmation before the only second factor is removed.
#[derive(Template)]
#[template(path = "remove_factor.html")]
pub struct RemoveFactorPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The id of the factor, returned in the field `id`.
    pub id: String,
    /// The name that the user chose.
    pub name: &'a str,
}

/// Enrolling an authenticator app.
#[derive(Template)]
#[template(path = "totp_setup.html")]
pub struct TotpSetupPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The sealed secret.
    pub setup: &'a str,
    /// The secret in groups of four.
    pub secret: String,
    /// The URI for the app.
    pub otpauth_uri: &'a str,
    /// The same as a QR code; `None` if it is too long for one.
    pub qr: Option<QrImage>,
    /// The entered name.
    pub name: &'a str,
    /// The error of the last attempt, if it concerns no field.
    pub error: Option<&'a str>,
    /// The error of the code.
    pub code_error: Option<&'a str>,
    /// The error of the name.
    pub name_error: Option<&'a str>,
}

/// Recovery codes, which are shown once.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodesPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The notice about the last change.
    pub notice: Option<&'a str>,
    /// The codes in the clear, which cannot be shown again.
    pub codes: Vec<String>,
    /// The next page.
    pub onwards: Link,
}

impl SecurityPage<'_> {
    /// Whether a factor can be removed now.
    fn may_remove(&self) -> bool {
        let factors = self.factors.len() + self.passkeys.rows.len();
        self.is_fresh && (self.may_remove_last || factors > 1)
    }
}

impl RecoveryCodesPage<'_> {
    /// The codes as the value of a hidden field, from which the file for download is made.
    fn joined(&self) -> String {
        self.codes.join(" ")
    }
}
