//! `authorization_code`: a user's authorization becomes a session (RFC 6749 §4.1.3).
//!
//! A request with a wrong parameter consumes the code, because the code may be stolen. A request without a
//! parameter does not: it is a mistake of the client, and an attacker gains nothing by it. A second redemption
//! ends the session of the first one.

use crate::base::id::SessionId;
use crate::base::opaque_token::{self, AUTHORIZATION_CODE};
use crate::crypto::digest::{constant_time_eq, sha256_base64url, token_hash};
use crate::domain::authorization::{Authorization, CODE_LIFE};
use crate::domain::client::{Client, ClientType};
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc::OPENID;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::pkce;
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::domain::validity::has_expired;
use crate::oauth::grant::{Grant, GrantContext, GrantOutcome};
use crate::oauth::params::{Params, invalid};
use crate::store::authorization_codes::{self, Redeemed};
use crate::store::sessions::end::Ending;
use crate::store::users;

/// A code and its verifier.
#[derive(Clone)]
pub struct AuthorizationCode {
    code: String,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

/// Why a code is not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// The code does not exist or no longer exists.
    Spent,
    /// It was issued to another client.
    Client,
    /// It was sent to another redirect URI.
    RedirectUri,
    /// The verifier does not match the challenge.
    Verifier,
    /// There is a verifier, but the request had no challenge.
    NoChallenge,
    /// There is neither, and the client must now use a challenge.
    NeedsChallenge,
    /// The request was not pushed, and the client must now push its requests.
    NotPushed,
    /// The DPoP proof was created with another key, or is missing.
    Key,
    /// An administrator has withdrawn the API from the client.
    Target,
    /// The API was deleted since.
    Replaced,
    /// The user has ended the authorization.
    Ended,
}

impl Wrong {
    /// The refusal; with a reason only for an authenticated client, because an attacker could use a public one.
    fn refusal(self, client: &Client) -> Refusal {
        let message = match self {
            _ if client.is_public() => {
                "The authorization code is invalid, expired, already used, or was issued to another \
                 client or for another request."
            }
            Self::Spent => "The authorization code is unknown, expired or already used.",
            Self::Client => "The authorization code was issued to another client.",
            Self::RedirectUri => "redirect_uri differs from that of the authorization request.",
            Self::Verifier => {
                "code_verifier does not match the code_challenge of the authorization request."
            }
            Self::NoChallenge => {
                "The authorization request had no code_challenge, so a code_verifier cannot match: it was lost in \
                 transit, or the client did not send it."
            }
            Self::NeedsChallenge => {
                "The authorization request had no code_challenge, which this client has to send. Start again."
            }
            Self::NotPushed => {
                "The authorization request was not pushed (RFC 9126), as this client must. Start again."
            }
            Self::Key => "The authorization code is bound to a DPoP key that was not proved.",
            Self::Target => "The client may no longer get tokens for this API.",
            Self::Replaced => "The API that the code was issued for has been deleted.",
            Self::Ended => {
                "The user has signed out, withdrawn the consent or changed the password in the meantime."
            }
        };
        Refusal::oauth(OAuthError::InvalidGrant, message)
    }
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
        // All codes of public clients have a challenge. Refused before the code is looked up, because the answer
        // must not reveal to an unauthenticated client whether the code exists.
        if context.client().is_public() && self.code_verifier.is_none() {
            return Err(invalid(NO_VERIFIER).into());
        }
        if !opaque_token::is_well_formed(AUTHORIZATION_CODE, &self.code) {
            return Err(Wrong::Spent.refusal(context.client()).into());
        }
        let hash = token_hash(&self.code);
        let id = SessionId::new(context.now, &*context.app.entropy);
        let now = context.now;
        let client_id = context.client().client_id.clone();
        let redeemed =
            authorization_codes::redeem(context.tx().await?, &hash, id, &client_id, now).await?;
        let Some(redeemed) = redeemed else {
            let gave = authorization_codes::gave(context.tx().await?, &hash).await?;
            if let Some(session) = gave {
                context.end_session(session, Ending::of(EndReason::CodeReused)).await?;
            }
            return Err(Wrong::Spent.refusal(context.client()).into());
        };
        if let Err(wrong) = is_good(context, &redeemed) {
            return Err(wrong.refusal(context.client()).into());
        }
        let Redeemed { authorization, .. } = redeemed;
        if let Some(message) = self.lacks(context.client(), &authorization) {
            context.roll_back().await;
            return Err(invalid(message).into());
        }
        if let Err(wrong) = self.fits(context, &authorization) {
            return Err(wrong.refusal(context.client()).into());
        }
        context.require_same_target(authorization.audience.as_deref())?;
        let session = authorization.session(context.session_terms(id, Self::INFO.name), now);
        // `None`: the user has logged out, was disabled or got a new password since the authorization.
        let Some(session) = context.open_session(session).await? else {
            return Err(Wrong::Ended.refusal(context.client()).into());
        };
        if session.id != id {
            let tx = context.tx().await?;
            authorization_codes::gave_branch_of(tx, &hash, session.id).await?;
        }
        let user = user_of(context, &authorization).await?;
        Ok(GrantOutcome::Opened { session: Box::new(session), user, nonce: authorization.nonce })
    }
}

const NO_VERIFIER: &str = "code_verifier is missing.";

/// Whether the code belongs to this client and is still valid, apart from the other parameters.
fn is_good(context: &GrantContext<'_>, redeemed: &Redeemed) -> Result<(), Wrong> {
    let Redeemed { authorization, expires_at, consented } = redeemed;
    let client = context.client();
    let is_own = authorization.client_id == client.client_id
        && client.owned_name_at(*expires_at - CODE_LIFE);
    if !is_own {
        return Err(Wrong::Client);
    }
    if has_expired(*expires_at, CODE_LIFE, context.now) {
        return Err(Wrong::Spent);
    }
    // The requested API has been deleted since, even if another one has its identifier.
    let audience = authorization.audience.as_deref();
    if context.app.audience_given_at(audience, *expires_at - CODE_LIFE).is_none() {
        return Err(Wrong::Replaced);
    }
    // A consent that was withdrawn while the code was being issued could not invalidate the code.
    if authorization.by_consent && !consented {
        return Err(Wrong::Ended);
    }
    Ok(())
}

impl AuthorizationCode {
    /// The missing parameter, if any.
    ///
    /// `redirect_uri` names the URI to which the code was sent (RFC 6749 §4.1.3). It is not needed with a verifier,
    /// which proves more, or if the client has only one.
    fn lacks(&self, client: &Client, authorization: &Authorization) -> Option<&'static str> {
        if authorization.code_challenge.is_some() {
            return self.code_verifier.is_none().then_some(NO_VERIFIER);
        }
        let is_only = client.metadata.redirect_uris.len() == 1;
        (self.redirect_uri.is_none() && !is_only).then_some("redirect_uri is missing.")
    }

    /// Whether the parameters match those of the code.
    fn fits(&self, context: &GrantContext<'_>, authorization: &Authorization) -> Result<(), Wrong> {
        if self.redirect_uri.is_some() && self.redirect_uri != authorization.redirect_uri {
            return Err(Wrong::RedirectUri);
        }
        // Policies are checked again, because they may have become stricter since the request.
        let metadata = &context.client().metadata;
        if metadata.is_fapi2() && !authorization.pushed {
            return Err(Wrong::NotPushed);
        }
        match (&authorization.code_challenge, &self.code_verifier) {
            (Some(challenge), Some(verifier)) => {
                let hash = sha256_base64url(verifier.as_bytes());
                let matches = constant_time_eq(hash.as_bytes(), challenge.as_bytes());
                if !pkce::is_verifier(verifier) || !matches {
                    return Err(Wrong::Verifier);
                }
            }
            // The code was stolen.
            (Some(_), None) => return Err(Wrong::Verifier),
            // An attacker has removed the challenge from the request (RFC 9700 §4.8.2).
            (None, Some(_)) => return Err(Wrong::NoChallenge),
            (None, None) => {
                let openid = authorization.scopes.contains(OPENID);
                let nonce = authorization.nonce.is_some();
                if !metadata.pkce_policy().allows_no_challenge(openid, nonce) {
                    return Err(Wrong::NeedsChallenge);
                }
            }
        }
        if authorization.dpop_jkt.is_some() && authorization.dpop_jkt != context.jkt() {
            return Err(Wrong::Key);
        }
        if !context.client().may_target(authorization.audience.as_deref()) {
            return Err(Wrong::Target);
        }
        Ok(())
    }
}

/// The user, if the access token or the ID token contains data about one.
pub(super) async fn user_of(
    context: &mut GrantContext<'_>,
    authorization: &Authorization,
) -> Result<Option<Box<User>>, Fault> {
    let Authorization { scopes, asked_claims, .. } = authorization;
    let audience = context.app.audience(authorization.audience.as_deref());
    let asks = audience.is_some_and(|audience| audience.target.rules().asks());
    if !asks && !context.client().metadata.id_token_has_claims(scopes, asked_claims) {
        return Ok(None);
    }
    Ok(users::find(context.tx().await?, authorization.user_id).await?.map(Box::new))
}
