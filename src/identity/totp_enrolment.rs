//! Enrolling a TOTP secret.
//!
//! The secret is sealed into `setup`, and stored only with a right code, which is thereby consumed. Nothing is
//! stored for an unfinished enrolment.

use uuid::Uuid;

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{FactorId, UserId};
use crate::base::opaque_token::{self, FACTOR_SETUP};
use crate::crypto::totp::TotpSecret;
use crate::domain::audit::{Event, EventKind};
use crate::domain::factor::{Factor, FactorKind};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::totp::{self, MAX_SECRETS, SETUP_LIFE, TimeStep};
use crate::domain::user::User;
use crate::domain::validity::has_expired;
use crate::store::factors::StoredFactor;
use crate::store::{Link, factors, recovery_codes, users};

use super::bearer::invalid_token;
use super::email::require_verified;
use super::factors::{check_name, new_codes, replace_codes};
use super::fresh_authentication::{SignedIn, require_fresh_factor};
use super::notifications::{Notification, notify};
use super::write_limit::UserWrite;

/// A TOTP secret that is being enrolled.
pub struct TotpSetup {
    /// The sealed secret, which the caller returns with the first code.
    pub setup: String,
    /// The secret in base32.
    pub secret: String,
    /// The URI for the authenticator app.
    pub otpauth_uri: String,
}

/// The first code of a secret that is being enrolled.
pub struct Confirmation {
    /// The sealed secret.
    pub setup: String,
    /// The code that the user typed.
    pub code: String,
    /// The name of the factor; by default one for its kind.
    pub name: Option<String>,
}

/// A factor that was enrolled.
pub struct Enrolled {
    /// The factor.
    pub factor: Factor,
    /// New recovery codes, if the account had none.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// The secret in a setup.
struct OpenedSetup {
    id: FactorId,
    secret: TotpSecret,
}

/// Begins to enrol a TOTP secret. Nothing is stored.
///
/// # Errors
/// `feature_disabled` where enrolment is off; `email_not_verified`; `reauthentication_required`; `conflict` when the account
/// has as many as it may.
pub async fn begin_totp(
    app: App,
    signed_in: SignedIn,
    now: Timestamp,
) -> Result<TotpSetup, Failure> {
    check_offered(&app)?;
    require_verified(&app, &signed_in.user)?;
    let mut reader = app.db.reader().await?;
    require_fresh_factor(&mut reader, &signed_in, now).await?;
    let stored = factors::of_user(&mut reader, signed_in.user.id).await?;
    let secrets = stored.iter().filter(|stored| stored.factor.kind == FactorKind::Totp).count();
    if i64::try_from(secrets).is_ok_and(|secrets| secrets >= MAX_SECRETS) {
        return Err(too_many().into());
    }
    Ok(new_setup(&app, &signed_in.user, now)?)
}

/// A new secret for `user`. Nothing is stored.
///
/// # Errors
/// If the crypto library fails.
pub(super) fn new_setup(app: &App, user: &User, now: Timestamp) -> Result<TotpSetup, Fault> {
    let id = FactorId::new(now, &*app.entropy);
    let secret = TotpSecret::generate(&*app.entropy);
    let mut plain = id.uuid().as_bytes().to_vec();
    plain.extend(now.millis().to_be_bytes());
    plain.extend(secret.bytes());
    let sealed = app.seal.newest().seal(&purpose(user.id), &plain)?;
    let setup = opaque_token::encode(FACTOR_SETUP, &sealed);
    Ok(shown(app, user, setup, &secret))
}

/// The setup of a page, to show it again.
///
/// # Errors
/// `validation_failed` when it has expired, or belongs to another user.
pub fn shown_again(
    app: &App,
    user: &User,
    setup: String,
    now: Timestamp,
) -> Result<TotpSetup, Refusal> {
    let OpenedSetup { secret, .. } = open(app, user.id, &setup, now)?;
    Ok(shown(app, user, setup, &secret))
}

fn shown(app: &App, user: &User, setup: String, secret: &TotpSecret) -> TotpSetup {
    let secret = totp::base32(secret.bytes());
    let otpauth_uri = totp::otpauth_uri(&app.config.brand.name, &user.login, &secret);
    TotpSetup { setup, secret, otpauth_uri }
}

fn purpose(user: UserId) -> String {
    format!("factor-setup/v1/{user}")
}

fn open(app: &App, user: UserId, setup: &str, now: Timestamp) -> Result<OpenedSetup, Refusal> {
    let opened = || {
        let sealed = opaque_token::parse_any(FACTOR_SETUP, setup)?;
        let plain = app.seal.open(&purpose(user), &sealed).ok()?;
        let (id, rest) = plain.split_first_chunk::<16>()?;
        let (begun_at, secret) = rest.split_first_chunk::<8>()?;
        let begun_at = Timestamp::from_millis(i64::from_be_bytes(*begun_at));
        let secret = TotpSecret::from_bytes(secret)?;
        let id = FactorId::from_uuid(Uuid::from_bytes(*id));
        (!has_expired(begun_at + SETUP_LIFE, SETUP_LIFE, now)).then_some(OpenedSetup { id, secret })
    };
    opened().ok_or_else(|| {
        let message = "This setup has expired, or was issued to another user. Start again.";
        Refusal::field("setup", "invalid", message)
    })
}

/// Stores the secret if the code is right, and consumes the code.
///
/// # Errors
/// `validation_failed` when the code is wrong, the setup has expired or the name is refused;
/// `conflict` when it was confirmed before, or the account has the maximum number;
/// `reauthentication_required`; `email_not_verified`.
pub async fn confirm_totp(
    app: App,
    signed_in: SignedIn,
    confirmation: Confirmation,
    info: RequestInfo,
) -> Result<Enrolled, Failure> {
    let now = info.now;
    let user = signed_in.user.id;
    check_offered(&app)?;
    require_verified(&app, &signed_in.user)?;
    let id = open(&app, user, &confirmation.setup, now)?.id;
    let checked = check(&app, &signed_in.user, confirmation, now);
    // A repeated request: the code that was right the first time has been used.
    if checked.is_err() && is_enrolled(&mut app.db.reader().await?, user, id).await? {
        return Err(enrolled_already().into());
    }
    let confirmed = checked?;
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        if !users::hold(tx, user, signed_in.epoch).await? {
            return Err(invalid_token().into());
        }
        // Before the sign-in is checked, because since the first request it may lack exactly this factor.
        if is_enrolled(tx, user, id).await? {
            return Err(enrolled_already().into());
        }
        require_fresh_factor(tx, &signed_in, now).await?;
        write.take(&signed_in.user)?;
        confirmed.store(tx, &signed_in.user).await
    })
    .await
}

/// A secret whose first code was right, which is not stored yet.
pub(super) struct Confirmed {
    factor: Factor,
    secret: TotpSecret,
    step: TimeStep,
    /// Recovery codes, for an account without any.
    codes: Vec<RecoveryCode>,
}

/// Checks the first code of a secret.
///
/// # Errors
/// `validation_failed` when the code is wrong, the setup has expired or the name is refused.
pub(super) fn check(
    app: &App,
    user: &User,
    Confirmation { setup, code, name }: Confirmation,
    now: Timestamp,
) -> Result<Confirmed, Refusal> {
    if let Some(name) = &name {
        check_name(name)?;
    }
    let OpenedSetup { id, secret } = open(app, user.id, &setup, now)?;
    let step = totp::parse_code(&code)
        .and_then(|code| secret.step_of(&code, TimeStep::accepted(now)))
        .ok_or_else(wrong_code)?;
    let name = name.unwrap_or_else(|| "Authenticator app".to_owned());
    let kind = FactorKind::Totp;
    let factor = Factor { id, kind, name, created_at: now, last_used_at: None };
    Ok(Confirmed { factor, secret, step, codes: new_codes(app) })
}

impl Confirmed {
    /// Stores it and uses the code, with recovery codes if the account has none. The caller has locked the user.
    ///
    /// # Errors
    /// `conflict` when it was confirmed before, or the account has the maximum number; faults.
    pub(super) async fn store(&self, tx: &mut AuditedTx, user: &User) -> Result<Enrolled, Failure> {
        let Self { factor, secret, step, codes } = self;
        let (app, now) = (tx.app(), tx.info().now);
        let sealed = app.seal_totp(tx, user.id, factor.id, secret).await?;
        let stored = StoredFactor { factor: factor.clone(), sealed: Some(sealed) };
        if !factors::insert(tx, user.id, &stored, Some(*step), MAX_SECRETS).await? {
            return Err(too_many().into());
        }
        factors::require_second(tx, user.id, now).await?;
        let event = Event::new(EventKind::FactorAdded).about(user.id).detail(factor.kind.as_str());
        tx.record(&event).await?;
        notify(tx, user, Notification::FactorAdded(factor.kind)).await?;
        let mut recovery_codes = Vec::new();
        if recovery_codes::left(tx, user.id).await? == 0 {
            replace_codes(tx, user.id, codes).await?;
            recovery_codes.clone_from(codes);
        }
        Ok(Enrolled { factor: factor.clone(), recovery_codes })
    }
}

/// Whether users may enrol second factors.
pub(super) fn check_offered(app: &App) -> Result<(), Refusal> {
    if app.config.second_factor.offers_enrolment() {
        return Ok(());
    }
    let message = "Second factors cannot be enrolled here: SIGNET_SECOND_FACTOR is off.";
    Err(Refusal::new(Code::FeatureDisabled, message))
}

fn wrong_code() -> Refusal {
    let message = "The code is wrong. Enter the one that the app shows now; if it is refused again, check that the \
                   clock of the device is right.";
    Refusal::field("code", "wrong", message)
}

/// Whether this secret was confirmed before.
async fn is_enrolled(link: &mut impl Link, user: UserId, id: FactorId) -> Result<bool, Fault> {
    let stored = factors::of_user(link, user).await?;
    Ok(stored.iter().any(|stored| stored.factor.id == id))
}

fn enrolled_already() -> Refusal {
    Refusal::because(Code::Conflict, Reason::AppEnrolled)
}

fn too_many() -> Refusal {
    Refusal::because(Code::Conflict, Reason::TotpFull)
}
