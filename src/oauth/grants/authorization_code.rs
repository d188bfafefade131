//! `authorization_code`: what a person allowed at our pages becomes a session (RFC 6749 §4.1.3).
//!
//! A code is used up by its first presentation, whatever comes of it: whoever presents it wrongly has
//! it from somewhere. A second presentation ends what the first one gave.

use crate::app::App;
use crate::base::id::SessionId;
use crate::base::opaque_token::{self, AUTHORIZATION_CODE};
use crate::crypto::digest::{constant_time_eq, sha256_base64url, token_hash};
use crate::domain::authorization::{Authorization, CODE_LIFE};
use crate::domain::client::ClientType;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::pkce;
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::oauth::grant::{Grant, GrantContext, GrantOutcome};
use crate::oauth::params::Params;
use crate::store::authorization_codes::{self, Redeemed};
use crate::store::sessions::end::Ending;
use crate::store::{Tx, users};

/// A code, and the proof that its presenter asked for it.
pub struct AuthorizationCode {
    code: String,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

/// The one refusal of a code: what is wrong with it helps nobody but a thief.
pub(super) fn refused() -> Refusal {
    let message = "The code is not good: unknown, used, over, or not for this client and request.";
    Refusal::oauth(OAuthError::InvalidGrant, message)
}

impl Grant for AuthorizationCode {
    const INFO: GrantInfo = GrantInfo {
        name: "authorization_code",
        public_clients: true,
        redirects_user: true,
        default_for: &[ClientType::Spa, ClientType::Web, ClientType::Native],
    };

    fn parse(params: &Params) -> Result<Self, Refusal> {
        Ok(Self {
            code: params.required("code", "code is missing.")?.to_owned(),
            redirect_uri: params.text("redirect_uri"),
            code_verifier: params.text("code_verifier"),
        })
    }

    async fn authorize(self, context: &mut GrantContext<'_>) -> Result<GrantOutcome, Failure> {
        if !opaque_token::is_well_formed(AUTHORIZATION_CODE, &self.code) {
            return Err(refused().into());
        }
        let hash = token_hash(&self.code);
        let id = SessionId::new(context.now, &*context.app.entropy);
        let now = context.now;
        let client_id = context.client().client_id.clone();
        let redeemed =
            authorization_codes::redeem(context.tx().await?, &hash, id, &client_id, now).await?;
        let Some(Redeemed { authorization, expires_at, consented }) = redeemed else {
            let gave = authorization_codes::gave(context.tx().await?, &hash).await?;
            if let Some(session) = gave {
                context.end_session(session, Ending::of(EndReason::CodeReused)).await?;
            }
            return Err(refused().into());
        };
        let made = expires_at - CODE_LIFE;
        // What was taken back while the code was made had no code yet to use up.
        let stands = consented || !authorization.by_consent;
        let good = now < expires_at && stands && context.client().owned_name_at(made);
        if !good || !self.fits(context, &authorization) {
            return Err(refused().into());
        }
        context.require_same_target(authorization.audience.as_deref())?;
        let session = authorization.session(context.session_terms(id, Self::INFO.name), now);
        // None: logged out, disabled or given a new password since it was allowed.
        let session = context.open_session(session).await?.ok_or_else(refused)?;
        let app = context.app;
        let tx = context.tx().await?;
        if session.id != id {
            authorization_codes::gave_branch_of(tx, &hash, session.id).await?;
        }
        let user = user_of(app, tx, &authorization).await?;
        Ok(GrantOutcome::Opened { session: Box::new(session), user, nonce: authorization.nonce })
    }
}

impl AuthorizationCode {
    /// Whether the code was given to this client, for this place, to whoever knows this verifier.
    fn fits(&self, context: &GrantContext<'_>, authorization: &Authorization) -> bool {
        let client = context.client();
        let proved = match (&authorization.code_challenge, &self.code_verifier) {
            (Some(challenge), Some(verifier)) if pkce::is_verifier(verifier) => {
                let hash = sha256_base64url(verifier.as_bytes());
                constant_time_eq(hash.as_bytes(), challenge.as_bytes())
            }
            // A verifier without a challenge means that somebody took the challenge away.
            _ => false,
        };
        let jkt = context.jkt();
        proved
            && authorization.client_id == client.client_id
            && client.may_target(authorization.audience.as_deref())
            && authorization.redirect_uri == self.redirect_uri
            && (authorization.dpop_jkt.is_none() || authorization.dpop_jkt == jkt)
    }
}

/// The user, where the API or the ID token says anything about one.
pub(super) async fn user_of(
    app: &App,
    tx: &mut Tx,
    authorization: &Authorization,
) -> Result<Option<Box<User>>, Fault> {
    let audience = app.audience(authorization.audience.as_deref());
    let asks = audience.is_some_and(|audience| audience.target.rules().asks());
    if !asks && authorization.asked_claims.id_token.is_empty() {
        return Ok(None);
    }
    Ok(users::find(tx, authorization.user_id).await?.map(Box::new))
}
