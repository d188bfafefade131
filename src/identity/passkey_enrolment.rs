//! Adding a passkey.
//!
//! The challenge is sealed for the user and single-use, and nothing is stored before an authenticator has answered
//! it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::base::id::{FactorId, UserId};
use crate::base::opaque_token::{self, FACTOR_SETUP};
use crate::crypto::digest::token_hash;
use crate::crypto::webauthn::options::{UserEntity, creation_options};
use crate::crypto::webauthn::{RegistrationResponse, verify_registration};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authenticators::authenticator_name;
use crate::domain::factor::{Factor, FactorKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::passkey::{MAX_PASSKEYS, SETUP_LIFE};
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::validity::has_expired;
use crate::store::passkeys::{self, NewPasskey};
use crate::store::{factors, recovery_codes, spent_ids, users};

use super::bearer::invalid_token;
use super::email::require_verified;
use super::factors::{check_name, new_codes, replace_codes};
use super::fresh_authentication::{SignedIn, require_fresh_factor};
use super::notifications::{Notification, notify};
use super::passkey_options::{descriptors, relying_party};
use super::totp_enrolment::{Enrolled, check_offered};
use super::write_limit::UserWrite;

/// The name of a passkey whose authenticator is not known.
const DEFAULT_NAME: &str = "Passkey";

/// A passkey that is being added.
pub struct PasskeySetup {
    /// The sealed challenge, which the caller returns with the response.
    pub challenge: String,
    /// Seconds until it expires.
    pub expires_in: i64,
    /// The options for the browser or application.
    pub public_key: Value,
}

/// The response of an authenticator with a new passkey.
pub struct AddedPasskey {
    /// The sealed challenge.
    pub challenge: String,
    /// The response.
    pub response: RegistrationResponse,
    /// The name of the factor; by default that of the authenticator.
    pub name: Option<String>,
    /// Whether the password requires a second factor from now on.
    pub asks_second: bool,
}

/// Begins to add a passkey. Nothing is stored.
///
/// # Errors
/// `feature_disabled`; `email_not_verified`; `reauthentication_required`; `conflict` when the account has as many as
/// it may.
pub async fn begin_passkey(
    app: App,
    signed_in: SignedIn,
    now: Timestamp,
) -> Result<PasskeySetup, Failure> {
    let party = relying_party(&app)?;
    check_offered(&app)?;
    let user = &signed_in.user;
    require_verified(&app, user)?;
    let mut reader = app.db.reader().await?;
    require_fresh_factor(&mut reader, &signed_in, now).await?;
    let stored = passkeys::of_user(&mut reader, user.id).await?;
    if i64::try_from(stored.len()).is_ok_and(|count| count >= MAX_PASSKEYS) {
        return Err(too_many().into());
    }
    let challenge: [u8; 32] = random(&*app.entropy);
    let plain = [&challenge[..], &now.millis().to_be_bytes()].concat();
    let sealed = app.seal.newest().seal(&purpose(user.id), &plain)?;
    let handle = user.id.uuid();
    let entity = UserEntity {
        handle: handle.as_bytes(),
        name: &user.login,
        display_name: user.name.as_deref().unwrap_or(&user.login),
    };
    let text = URL_SAFE_NO_PAD.encode(challenge);
    let brand = &app.config.brand.name;
    Ok(PasskeySetup {
        challenge: opaque_token::encode(FACTOR_SETUP, &sealed),
        expires_in: SETUP_LIFE.secs(),
        public_key: creation_options(party, brand, &entity, &text, &descriptors(&stored)),
    })
}

fn purpose(user: UserId) -> String {
    format!("passkey-setup/v1/{user}")
}

/// The challenge in a setup, in base64url, and when it was begun.
fn open(
    app: &App,
    user: UserId,
    sealed: &str,
    now: Timestamp,
) -> Result<(String, Timestamp), Refusal> {
    let opened = || {
        let sealed = opaque_token::parse_any(FACTOR_SETUP, sealed)?;
        let plain = app.seal.open(&purpose(user), &sealed).ok()?;
        let (challenge, begun_at) = plain.split_first_chunk::<32>()?;
        let begun_at = Timestamp::from_millis(i64::from_be_bytes(begun_at.try_into().ok()?));
        let is_live = !has_expired(begun_at + SETUP_LIFE, SETUP_LIFE, now);
        is_live.then(|| (URL_SAFE_NO_PAD.encode(challenge), begun_at))
    };
    opened().ok_or_else(|| {
        let message =
            "This challenge has expired, was already used, or was issued to another user. Start again.";
        Refusal::field("challenge", "invalid", message)
    })
}

/// Stores a passkey whose authenticator has signed the challenge.
///
/// # Errors
/// `validation_failed` when the challenge or the response is invalid, or the name is refused; `conflict`
/// when the credential is already stored for any user, or the account has the maximum number;
/// `reauthentication_required`; `email_not_verified`; `feature_disabled`.
pub async fn add_passkey(
    app: App,
    signed_in: SignedIn,
    added: AddedPasskey,
    info: RequestInfo,
) -> Result<Enrolled, Failure> {
    let party = relying_party(&app)?;
    check_offered(&app)?;
    require_verified(&app, &signed_in.user)?;
    let (now, user) = (info.now, signed_in.user.id);
    if let Some(name) = &added.name {
        check_name(name)?;
    }
    let (challenge, begun_at) = open(&app, user, &added.challenge, now)?;
    let made = verify_registration(party, &challenge, &added.response).map_err(|invalid| {
        tracing::debug!(%invalid, "a passkey was not added");
        not_made()
    })?;
    let spent = token_hash(&format!("passkey-setup/{challenge}"));
    let by_model = || authenticator_name(&made.aaguid).unwrap_or(DEFAULT_NAME).to_owned();
    let name = added.name.unwrap_or_else(by_model);
    let (id, kind) = (FactorId::new(now, &*app.entropy), FactorKind::Passkey);
    let factor = Factor { id, kind, name, created_at: now, last_used_at: None };
    let passkey = NewPasskey {
        factor,
        credential_id: made.id,
        public_key: made.public_key,
        sign_count: made.sign_count,
        aaguid: made.aaguid,
        transports: added.response.transports,
        backup_eligible: made.backup_eligible,
        backed_up: made.backed_up,
    };
    let codes = new_codes(&app);
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        if !users::hold(tx, user, signed_in.epoch).await? {
            return Err(invalid_token().into());
        }
        require_fresh_factor(tx, &signed_in, now).await?;
        write.take(&signed_in.user)?;
        app.remember_rp_id(tx, party).await?;
        // Twice its lifetime, so that a used one stays used when the clock is set back.
        let kept_until = begun_at + SETUP_LIFE + SETUP_LIFE;
        if !spent_ids::spend(tx, &spent, kept_until).await?
            || !passkeys::insert(tx, user, &passkey, MAX_PASSKEYS).await?
        {
            return Err(too_many().into());
        }
        if added.asks_second {
            factors::require_second(tx, user, now).await?;
        }
        tx.record(&Event::new(EventKind::FactorAdded).about(user).detail(kind.as_str())).await?;
        notify(tx, &signed_in.user, Notification::FactorAdded(kind)).await?;
        let mut recovery_codes = Vec::new();
        if recovery_codes::left(tx, user).await? == 0 {
            replace_codes(tx, user, &codes).await?;
            recovery_codes.clone_from(&codes);
        }
        Ok(Enrolled { factor: passkey.factor.clone(), recovery_codes })
    })
    .await
}

fn not_made() -> Refusal {
    let message = "The response is not valid for this challenge, or the authenticator did not verify its user. Start \
                   again, with an authenticator that asks for a PIN, a fingerprint or a face.";
    Refusal::field("credential", "invalid", message)
}

fn too_many() -> Refusal {
    Refusal::because(Code::Conflict, Reason::PasskeysFull)
}
